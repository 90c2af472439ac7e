# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Turn a file of the kernel face into a file of the mainline tree.

unifdef drops the half of userspace and of C++, and kernels before the one of the series. Then this
file renames what has another name or place there.
"""
import re
import subprocess

# The series is for a kernel that has dma_iova_try_alloc().
DEFINES = ('-D__KERNEL__', '-U__cplusplus', '-UCOHERENT_LIBRARY', '-U__clang_analyzer__', '-D__INCLUDE_LEVEL__=0',
           '-DDMA_IOVA_USE_SWIOTLB')
# Macros that are empty in the kernel, or stand for a few words. Their definitions go too.
MACROS = (
    (r'^COHERENT_C_(?:BEGIN|END)\n\n?', ''),
    (r'\bCOHERENT_(?:BASE|IN_KERNEL)\b *', ''),
    (r'\bCOHERENT_COPY +void +', 'void __weak '),
    (r'\bCOHERENT_BASE_INLINE\b', 'static inline'),
    (r'^\tCOHERENT_GFP\n', '\tgfp_t gfp;\n'),
    (r'@COHERENT_GFP:', '@gfp:'),
    (r'^\tCOHERENT_LEVEL\n', '\tenum coherent_level level;\n'),
    (r'@COHERENT_LEVEL:', '@level:'),
    (r'^ \* @COHERENT_(?:IN_PLACE|ADDRESS_LIMITS|OWN_NODES|OWN_MEMORY):.*\n(?: \*\t.*\n)*', ''),
    (r'^\tCOHERENT_(?:IN_PLACE|ADDRESS_LIMITS|OWN_NODES|OWN_MEMORY);\n', ''),
    (r'^\tCOHERENT_KERNEL_OPTIONS\n', '\tgfp_t gfp;\n\tbool managed;\n'),
    (r'@COHERENT_KERNEL_OPTIONS:', '@gfp: See @managed.\n * @managed:'),
    (r'^\tCOHERENT_LENT\n', ''),
    (r'\bstruct coherent_device\b', 'struct device'),
    (r'\bCOHERENT_WMB\(\)', 'dma_wmb()'),
    (r'\bCOHERENT_RMB\(\)', 'dma_rmb()'),
    (r'\bCOHERENT_MB\(\)', 'mb()'),
)
GONE = re.compile(r'^#define (?:COHERENT_(?:C_BEGIN|C_END|BASE|BASE_INLINE|IN_KERNEL|COPY|GFP|KERNEL_OPTIONS|IN_PLACE|LENT|LEVEL|'
                  r'ADDRESS_LIMITS|OWN_NODES|OWN_MEMORY|(?:ARG_)?NAMES|[WR]?MB|INLINE|MUST_CHECK|32_BITS|LATER|LOAD_ONCE|STORE_ONCE)|coherent_device)\b'
                  r'(?:.*\\\n)*.*\n\n?', re.M)
WORDS = (
    (r'\bu?int(8|16|32|64)_t\b', lambda found: ('u' if found[0][0] == 'u' else 's') + found[1]),
    (r'\b__extension__ ?(?=\()', ''),
    (r'__attribute__\(\(unused\)\)', '__maybe_unused'),
    (r'__attribute__\(\((?:unused|__unused__), overloadable\)\)',
     '__maybe_unused __attribute__((overloadable))'),
    (r'__attribute__\(\(pure\)\)', '__pure'),
    (r'__attribute__\(\(pure, (.*?)\)\)(?= COHERENT)', r'__pure __attribute__((\1))'),
    # The storage class comes first.
    (r'^((?:(?:__must_check|COHERENT_(?:READS|CHANGES)_\w+|__pure|__attribute__\(\(.*\)\)) )+)'
     r'COHERENT_INLINE\s+', r'static __always_inline \1'),
    (r'^((?:(?:COHERENT_MUST_CHECK|COHERENT_(?:READS|CHANGES)_\w+|__pure|__attribute__\(\(.*\)\)) )+)'
     r'COHERENT_INLINE\s+', r'static __always_inline \1'),
    (r'\bCOHERENT_INLINE\b', 'static __always_inline'),
    (r'\bCOHERENT_MUST_CHECK\b', '__must_check'),
    (r' COHERENT_32_BITS;', ';'),
    (r'\bCOHERENT_LATER ?', ''),
    # The driver does not set these members.
    (r'^ \* @COHERENT_(ARG_)?NAMES: (.*)\n',
     lambda found: ' * @{0}option_without_name: {1}\n * @{0}options_have_names: {1}\n'.format(
         (found[1] or '').lower(), found[2])),
    (r'^\tCOHERENT_(ARG_)?NAMES\n',
     lambda found: '\tunion {{\n\t\tbool {0}option_without_name;\n\t\tconst struct coherent_options_'
     'have_names *{0}options_have_names;\n\t}};\n'.format((found[1] or '').lower())),
    (r'^\tCOHERENT_(LOAN|BOX|POOL)\(T\) name ',
     lambda found: '\tunion COHERENT_BODY({0}, {0}, T) name '.format(found[1].lower())),
    (r'^\tCOHERENT\(T\) name ', '\tunion COHERENT_BODY(mem, mem, T) name '),
    (r'(?<=[)\w*}])\)\{(?=[ \t])', ') {'),
    ('─', '-'), ('▶', '>'),
    (r'!defined\(__cplusplus\) && ', ''),
    # The other one goes with brackets of clang, which are not written out.
    (r'^#ifdef __clang__\n#define COHERENT_ERR\((?:.*\\\n)*.*\n#else\n(#define COHERENT_ERR\(.*\n)#endif\n',
     r'\1'),
    (r'__attribute__\(\(cleanup\((\w+)\)\)\)', r'__cleanup(\1)'),
    (r'__attribute__\(\(aligned\((.*?)\)\)\)(?!\))', r'__aligned(\1)'),
    # A value of a byte order is on one line, as a type of the kernel is.
    (r'^typedef struct \{\n\t(\w+ raw;)\n\} (\w+);', r'typedef struct { \1 } \2;'),
    # READ_ONCE() and WRITE_ONCE() say that an access is volatile.
    (r'\(\(constant volatile type', '((constant type'),
    (r'^(\t)mb\(\);', r'\1/* The caller says what it orders. */\n\1mb();'),
    (r'^(\s*)(\S.*) = kzalloc\(sizeof\(\*(.*?)\), (.*)\);$', r'\1\2 = kzalloc_obj(*\3, \4);'),
    # The proofs of the order are in the library's own tree.
    (r'; [\w., ]+\.litmus(?=\))', ''),
    (r' ?\([\w, ]+\.litmus(?:(?:,| and) [\w.]+litmus)*(?: of tests/proofs)?\)', ''),
)
# Macros that the series writes out: {name: (parameters, text)}. Some are brackets around the parts of
# a call. The others make gcc show a warning in a header of a system, which the kernel's are not.
RESULT = '({ COHERENT_STRICT coherent_result(({'
WRITTEN_OUT = {
    'COHERENT_BYTE': (('at', 'copy'), '*at'),
    'COHERENT_LOAD_ONCE': (('at', 'order'), 'READ_ONCE(*at)'),
    'COHERENT_STORE_ONCE': (('at', 'value', 'order'), 'WRITE_ONCE(*at, value)'),
    'COHERENT_AGAIN': (('name',), ''),
    'COHERENT_AGAIN_NAMED': (('name',), ''),
    'COHERENT_PRAGMA': (('text',), ''),
    'COHERENT_NEW': (('name',), ''),
    'COHERENT_HEARD': (('name',), 'coherent_name'),
    'COHERENT_ONLY': (('a',), 'a'),
    'COHERENT_BEGIN_RESULT': ((), RESULT),
    'COHERENT_END_RESULT': ((), '})); COHERENT_STRICT_END })'),
    'COHERENT_BEGIN_CALL': ((), RESULT + ' COHERENT_STRICT_END'),
    'COHERENT_END_CALL': ((), '})); })'),
    'COHERENT_BEGIN_ERRNO': ((), RESULT + ' COHERENT_STRICT_END'),
    'COHERENT_END_ERRNO': ((), '})); })'),
    'COHERENT_BEGIN_ACCESS': (('u',), RESULT + ' COHERENT_STRICT_END '
                              'int COHERENT_PASTE(u, errno) = 0; ({'),
    'COHERENT_ERRNO': (('u',), 'COHERENT_PASTE(u, errno) ='),
    'COHERENT_END_ACCESS': (('u',), '}); COHERENT_PASTE(u, errno); })); })'),
    'COHERENT_BEGIN_VALUE': ((), '({'),
    'COHERENT_END_VALUE': ((), '})'),
    'COHERENT_BEGIN_VOID': ((), '({'),
    'COHERENT_END_VOID': ((), '})'),
    'COHERENT_BEGIN_NOTHING': ((), '({ COHERENT_STRICT'),
    'COHERENT_END_NOTHING': ((), 'COHERENT_STRICT_END })'),
}
NAME = re.compile(r'\b(%s)\b' % '|'.join(WRITTEN_OUT))
DEFINITION = re.compile(r'^#define (?:%s)\b(?:.*\\\n)*.*\n' % '|'.join(WRITTEN_OUT), re.M)
# A conditional with nothing in it but comments.
EMPTY_IF = re.compile(r'^#if[^\n]*\n(?:#else[^\n]*\n)?#endif[^\n]*\n', re.M)
FUNCTION = re.compile(r'^[a-z][^\n;{}#]*?__weak\s*\(?(coherent_\w+)\)?\([^;{}]*\)\n\{\n(?:.*\n)*?\}\n',
                      re.M)


class Problem(Exception):
    """A line that says why there is no series."""


def columns(line):
    return len(line.expandtabs(8))


def unifdef(text, name):
    """Returns the half of a file that the kernel uses."""
    try:
        done = subprocess.run(['unifdef', '-k', *DEFINES], input=text, text=True, check=False,
                              capture_output=True)
    except FileNotFoundError:
        raise Problem('unifdef is missing: apt-get install unifdef') from None
    # The status is 1 if something changed.
    if done.returncode > 1:
        raise Problem(f'unifdef cannot read {name}: {done.stderr.strip()}')
    return done.stdout


def weak(found):
    """Removes the mark of a weak function."""
    return re.sub(r'^ ', '', re.sub(r' *\b__weak\b *(?=(\()?)', lambda mark: '' if found[0][
        mark.start() - 1] == '*' else ' ', found[0], count=1))


def export(text):
    """A function that is weak in a module is exported by the kernel."""
    text = FUNCTION.sub(lambda found: found[0] + f'EXPORT_SYMBOL_GPL({found[1]});\n', text)
    return re.sub(r'^[a-z_][^\n;{}#]*?\b__weak\b[^;{}]*\)$', weak, text, flags=re.M)


def arguments(text, at):
    """Returns (arguments, end) of a call whose parenthesis is at a place in the text."""
    depth, found, start, quoted = 0, [], at + 1, False
    for end in range(at, len(text)):
        mark = text[end]
        quoted ^= mark == '"' and text[end - 1] != '\\'
        depth += not quoted and (mark in '([{') - (mark in ')]}')
        if not quoted and (depth == 0 or depth == 1 and mark == ','):
            found.append(text[start:end].strip())
            start = end + 1
        if depth == 0:
            return found, end + 1
    raise Problem(f'a macro has no end: {text[at:at + 40]!r}')


def write_out(text):
    """Replaces the uses of macros of WRITTEN_OUT, whose definitions go."""
    text = DEFINITION.sub('', text)
    while EMPTY_IF.search(text):
        text = EMPTY_IF.sub('', text)
    out, at = [], 0
    for found in iter(lambda: NAME.search(text, at), None):
        names, to = WRITTEN_OUT[found[1]]
        end, given = found.end(), []
        if names and text[end:end + 1] == '(':
            given, end = arguments(text, end)
        # A comment that speaks of a macro stays as it is.
        if len(given) != len(names) and found[1] != 'COHERENT_AGAIN':
            out.append(text[at:end])
            at = end
            continue
        if found[1] == 'COHERENT_HEARD':
            to = f'coherent_{given[0]}'
        else:
            for name, value in zip(names, given):
                to = re.sub(rf'\b{name}\b', lambda _, value=value: value, to)
        out += [text[at:found.start()], to]
        at = end
    return ''.join(out) + text[at:]


def gaps(line, start):
    """Yields the places after a space that is neither in a string nor in a comment."""
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|.', line):
        if found[0] == ' ' and found.end() > start:
            yield found.end()


def wrap(line, end):
    """Breaks a line that has more than 100 columns. end ends each part."""
    indent = re.match(r'[ \t]*(?:\*[ \t]+)?', line)[0]
    more = indent if indent.endswith('* ') else indent + '\t'
    if '*' not in indent:
        more = '\t' * (columns(indent) // 8 + 1 + (not end))
    out = []
    while columns(line) + len(end) > 98 + 2 * (not end):
        places = [at for at in gaps(line, len(indent)) if columns(line[:at]) + len(end) <= 98]
        if not places:
            # A long string needs the whole line.
            line = line if '*' in indent else '\t' + line.lstrip()
            break
        commas = [at for at in places if line[:at].endswith(', ') and columns(line[:at]) > 50]
        at = commas[-1] if commas and '* ' not in indent else places[-1]
        out.append(line[:at].rstrip())
        line = more + line[at:]
    return [*out, line]


def wrap_comment(found):
    """Makes a long comment of one line a block."""
    indent, text = found[1], found[2]
    if columns(found[0]) <= 100:
        return found[0]
    lines = wrap(f'{indent} * {text}', '')
    return '\n'.join([f'{indent}/*', *lines, f'{indent} */'])


def tidy_macro(text):
    """Lays a definition out as checkpatch wants it: spaces around a colon, at most 100 columns."""
    parts = re.split(r'("(?:[^"\\\n]|\\.)*")', text)
    for number in range(0, len(parts), 2):
        part = re.sub(r'(?<=[\w*\])]): ', ' : ', parts[number])
        part = re.sub(r'(?<=[\w*\])]):(?=[ \t]*(?:\\?$))', ' :', part, flags=re.M)
        # The last argument is empty, so that a macro without options gets one.
        part = re.sub(r', \)(?=\n|\()', ',\n\t)', part)
        # The first name is that of the macro.
        parts[number] = re.sub(r'(?<!#define )\b(COHERENT_\w+) \((?!\d)', r'\1(', part)
    lines = [re.sub(r'\s*\\$', '', line) for line in ''.join(parts).rstrip('\n').split('\n')]
    lines = [line for line in lines if line.strip()]
    out = [part for line in lines for part in wrap(line, ' \\')]
    for number in range(1, len(out)):
        # checkpatch takes this for a label, and wants a short line if there is a backslash behind a string.
        before = list(gaps(out[number - 1], 10))
        if re.match(r'\s*default : ', out[number]) and before:
            tail = out[number - 1][before[-1]:]
            out[number - 1] = out[number - 1][:before[-1]].rstrip()
            out[number] = re.match(r'\s*', out[number])[0] + f'{tail} {out[number].strip()}'
        if columns(out[number]) > 98 and out[number].lstrip().startswith('"'):
            out[number] = '\t' + out[number].lstrip()
    return ''.join(line + '\t' * max(1, (72 - columns(line) + 7) // 8) + '\\\n' for line in out[:-1]
                   ) + out[-1] + '\n'


HEAD = re.compile(r'^(?!#|typedef)([A-Za-z_][\w \t*]*(?:\n\w+)?\(?\w+\)?\()([^;{}()]*(?:\([^;{}()]*\)[^;{}()]*)*)'
                  r'\)(;?)$', re.M)


def align(found):
    """Aligns the parameters of a function, whose name or type may be another one now."""
    head, given, end = found.groups()
    if '\n' not in given and columns(found[0]) <= 100:
        return found[0]
    names, _ = arguments(f'({given})', 0)
    column = columns(head.split('\n')[-1])
    lines, line = [], head
    for number, name in enumerate(names):
        name = ' '.join(name.split()) + (')' + end if number == len(names) - 1 else ',')
        if number and columns(line + ' ' + name) > 100:
            lines.append(line)
            line = '\t' * (column // 8) + ' ' * (column % 8) + name
        else:
            line += (' ' if number else '') + name
    return '\n'.join([*lines, line])


def tidy(text):
    """Lays macros, functions and long lines out as checkpatch wants it."""
    text = re.sub(r'^([ \t]*)/\* (.*) \*/$', wrap_comment, text, flags=re.M)
    parts = re.split(r'(^#define (?:.*\\\n)*.*\n)', text, flags=re.M)
    for number, part in enumerate(parts):
        if number % 2:
            parts[number] = tidy_macro(part)
        else:
            parts[number] = '\n'.join(line for old in HEAD.sub(align, part).split('\n')
                                      for line in wrap(old, ''))
    return re.sub(r'\n{3,}', '\n\n', re.sub(r'[ \t]+$', '', ''.join(parts), flags=re.M))


def transform(text, name):
    """Returns the text of a file, with the includes as they are."""
    text = GONE.sub('', unifdef(text, name))
    text = write_out(text)
    for pattern, to in (*MACROS, *WORDS):
        text = re.sub(pattern, to, text, flags=re.M)
    return export(text)

# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Wrong order and double reads of coherent memory: the rules that found real bugs in Linux 6.1."""
import os
import re
import tempfile

from migration import coccinelle, fields, table

OWN = re.compile(r'OWN|[Oo]wn(?!er_|list)')
# These give the descriptor to the CPU, or mean something else.
NOT_OWN = re.compile(r'DOWN|UNKNOWN|HOST|CPU|DRV|DRIVER|_SW\b|[Dd]own|[Uu]nknown')
COVER = re.compile(r'(?:READ_ONCE|smp_load_acquire|ACCESS_ONCE|readl?|readw|ioread32|test_bit|'
                   r'coherent_\w+|sizeof|offsetof|typeof)$')
# Each of these makes the compiler read again.
BARRIER = re.compile(r'\b(?:dma_rmb|rmb|mb|smp_rmb|smp_mb|barrier|cpu_relax|dma_mb|[mu]sleep\w*|'
                     r'usleep_range|[mun]delay|schedule\w*|cond_resched|yield)\s*\(')
# This follows the condition of an if that ends a loop: a break, perhaps behind other statements.
BREAK = re.compile(r'\s*(?:break\s*;|\{(?:[^{}]*;)?\s*break\s*;\s*\})')
CALL = re.compile(r'\b([A-Za-z_]\w*)\s*\(')
# The compiler knows all of these, so that it need not read memory again after them.
PLAIN = re.compile(r'(?:if|while|for|switch|return|sizeof|likely|unlikely|BIT|GENMASK|FIELD_GET|'
                   r'cpu_to_[lb]e\d+|[lb]e\d+_to_cpu)$')
# The driver wrote the address that one of these gets, so that the device does not change it.
UNMAP = re.compile(r'(?:dma|pci)_(?:unmap|sync)_\w+$')
OPERATOR = r'(?:[-+*/%&|^]|<<|>>)'
NONE = 'struct coherent_no_element'


def enclosing(code, at):
    """Yield (name, offset) of each parenthesis around an offset, from the inside, in a statement."""
    depth = 0
    for i in range(at - 1, max(at - 2000, 0), -1):
        char = code[i]
        if char in ')]':
            depth += 1
        elif char in '([':
            if depth:
                depth -= 1
            elif char == '(':
                yield re.search(r'(\w*)\s*$', code[max(i - 60, 0):i])[1], i
        elif char in '{}' and not depth:
            return


def covered(code, at):
    return any(COVER.match(name) for name, _ in enclosing(code, at))


def loop_around(source, at):
    """Return the text of the loop whose condition has an offset, or None. The start of a for is not in it."""
    code = source.code
    for name, opened in enclosing(code, at):
        closed = source.close_of(opened)
        if name not in ('while', 'for') or closed is None:
            continue
        start = opened
        if name == 'for':
            parts = [i for i in range(opened + 1, closed) if code[i] == ';']
            if len(parts) != 2 or not parts[0] < at < parts[1]:
                return None
            start = parts[0]
        rest = re.compile(r'\s*').match(code, closed + 1).end()
        if code[rest] == '{':
            return code[start:source.close_of(rest) or rest]
        before = code[:opened].rstrip()[:-5].rstrip()
        if name == 'while' and code[rest] == ';' and before.endswith('}'):
            return code[source.open_of(len(before) - 1):closed]
        return code[start:code.find(';', closed) + 1]
    return None


def loop_of_block(source, brace):
    """Return (start, end) of the loop whose body begins at a brace; None: a block; (): something else."""
    code, end = source.code, source.close_of(brace)
    before = code[:brace].rstrip()
    if end is None:
        return ()
    if re.search(r'\bdo$', before):
        return brace, code.find(';', end)
    if re.search(r'\belse$|[;{}]$', before):
        return None
    opened = source.open_of(len(before) - 1) if before.endswith(')') else 0
    name = re.search(r'(\w*)\s*$', code[max(opened - 60, 0):opened])[1]
    if name == 'for':
        return code.find(';', opened, brace), end
    return (opened, end) if name == 'while' else None if name == 'if' else ()


def loop_with_break(source, at):
    """Return the text of the loop that ends if a test succeeds, and the part behind the test, or None."""
    code = source.code
    opened = next((opened for name, opened in enclosing(code, at) if name == 'if'), None)
    closed = opened and source.close_of(opened)
    if not closed or not BREAK.match(code, closed + 1):
        return None
    brace, loop = opened, None
    while loop is None:
        brace = brace_around(code, brace)
        loop = loop_of_block(source, brace) if brace else ()
    return loop and (code[slice(*loop)], code[closed + 1:loop[1]])


def brace_around(code, at):
    """Return the offset of the brace that is open at an offset, or 0."""
    depth = 0
    for i in range(at - 1, 0, -1):
        depth += (code[i] == '}') - (code[i] == '{')
        if depth < 0:
            return i
    return 0


def lvalue_end(code, at):
    """Return the offset behind a field, with its indexes and its own fields."""
    return re.compile(r'\w+(?:\s*\[[^\[\]]*\]|\.\w+)*').match(code, at).end()


def is_written(code, at):
    after = code[lvalue_end(code, at):][:8].lstrip()
    return re.match(r'=(?!=)|[-+|&^]=|<<=|>>=|\+\+|--', after)


def compares(code, at):
    """Whether a condition compares the value of a field with a limit."""
    end = lvalue_end(code, at)
    after = re.match(r'[\s)]*(<=?|>=?)(?![<>=])', code[end:end + 40])
    before = re.search(r'(?<![-<>])(<=?|>)\s*[\w\s(>.\[\]*-]*$', code[max(at - 60, 0):at])
    return after or before and '&&' not in before[0] and '->' in before[0] and \
        not re.search(r'[;{}]', before[0])


def tests_owner(code, at):
    end = lvalue_end(code, at)
    return OWN.search(code[end:end + 60].split(';')[0].split('{')[0].split('\n')[0])


def in_condition(code, at, keywords=('if', 'while')):
    return any(name in keywords for name, _ in enclosing(code, at))


def descriptor(code, at):
    """Return the expression for a descriptor, from the offset of its field."""
    start = max(code.rfind('.', 0, at), code.rfind('->', 0, at))
    end = start
    while start > 0 and (code[start - 1] in ']' or re.match(r'[\w.>-]', code[start - 1])):
        start = code.rfind('[', 0, start) if code[start - 1] == ']' else start - 1
    return ''.join(code[start:end].split())


def is_changed(expression, text, operator):
    """Whether a text gives another value to a variable of an expression."""
    return any(re.search(rf'(?<![\w.>]){name}\s*{operator}=(?!=)|(?:\+\+|--)\s*{name}\b|'
                         rf'\b{name}\s*(?:\+\+|--)', text)
               for name in set(re.findall(r'(?<![.>\w])[A-Za-z_]\w*', expression)))


def is_same(code, first, at):
    """Whether two accesses are to the same descriptor, as far as the text between them shows."""
    one, other = descriptor(code, first), descriptor(code, at)
    if one[-1:] == other[-1:] == ']' and one != other:
        return False
    # The rules see themselves when a pointer gets another value.
    return not is_changed(one, code[first:at], OPERATOR + ('?' if one.endswith(']') else ''))


def judge_own(source, first, at, words, _):
    field, owner, value, column = words
    if not is_same(source.code, source.offset(first, int(column)), at) or \
            not OWN.search(value + ' ' + owner) or NOT_OWN.search(value) or \
            re.search(r'(?:^|\W)0\s*\)?$|~', value):
        return None
    return (f"'{owner}' gives the descriptor to the device, but the CPU may write '{field}' "
            f'(line {first}) after it: call dma_wmb() before this line')


def judge_walk(text, one, field, ignored):
    """Judge a loop that goes on to the next descriptor, and so reads each one once."""
    flat = ''.join(text.split())
    for match in re.finditer(rf'(?<![\w.>]){re.escape(one)}(?:->|\.)', flat):
        other = re.compile(r'\w+').match(flat, match.end())
        if other and other[0] not in (field, *ignored) and not is_written(flat, match.end()) and \
                not any(UNMAP.match(name) for name, _ in enclosing(flat, match.start())):
            return (f"the loop tests '{field}' and reads '{other[0]}' without dma_rmb() in between: the "
                    f"CPU may read '{other[0]}' first: call dma_rmb() behind the test")
    return None


def judge_loop(source, first, at, words, ignored):
    code = source.code
    text = behind = loop_around(source, at)
    if not text:
        text, behind = loop_with_break(source, at) or (None, None)
    if not text or covered(code, at) or is_written(code, at) or BARRIER.search(text):
        return None
    one = descriptor(code, at)
    if is_changed(one, text, OPERATOR + '?'):
        return judge_walk(behind, one, words[0], ignored)
    # The compiler reads again after a call of a function that it does not know.
    if behind != text and any(not PLAIN.match(name) for name in CALL.findall(text)):
        return None
    return (f"the loop reads '{words[0]}' without READ_ONCE(): the compiler may read it once only, or "
            'read other fields before it: use READ_ONCE(), and dma_rmb() behind the loop')


def judge_twice(source, first, at, words, _):
    code = source.code
    tested = source.offset(first, int(words[1]))
    if not in_condition(code, tested, ('if',)) or covered(code, at) or is_written(code, at) or \
            covered(code, tested) or not is_same(code, tested, at) or \
            re.search(r'&\s*[\w>.\[\]-]*$', code[max(at - 80, 0):at].split('(')[-1]):
        return None
    if compares(code, tested):
        return (f"line {first} checks '{words[0]}', and this line reads it again: the device can change "
                'it in between: read it once, into a variable')
    if tests_owner(code, tested) and not in_condition(code, at):
        return (f"line {first} tests who owns the descriptor, and this line reads '{words[0]}' again: "
                'the two reads may differ: read it once, into a variable')
    return None


def judge_bell(source, first, at, words, _):
    return (f"the CPU may write '{words[0]}' (line {first}) after this register, which does not order "
            'it: call dma_wmb() before this line, or use writel()')


JUDGES = {'own': judge_own, 'loop': judge_loop, 'twice': judge_twice, 'bell': judge_bell}


def kind_of(text):
    """Return the element type in a declaration, or NONE if no rule can use it."""
    kind = re.sub(r'\b(?:const|volatile)\b\s*', '', text).strip() if isinstance(text, str) else NONE
    known = fields.SCALARS.match(kind) or kind in ('void', 'bool') or \
        kind.startswith(('union', 'enum'))
    return NONE if known else kind


def kinds_behind(code, place, hops):
    """Yield the structs of variables that get a void pointer, also through another variable."""
    for match in re.finditer(rf'\b(\w+)\s*=\s*[^;={{}}]*{place}[^;={{}}]*;', code):
        end = match.end(1)
        tag = fields.type_of_variable(code, match.end(), match[1])
        if tag:
            yield 'struct ' + tag
        elif hops > 1:
            stop = code.find('\n}', end)
            yield from kinds_behind(code[max(code.rfind('\n}', 0, end), 0):stop],
                                    rf'\b{match[1]}\b', hops - 1)


def elements_of(tree, call):
    """Yield the (field, element type) of what a call allocates, also through a variable."""
    path, code = call.source.path, call.source.code
    field = call.field()
    if field:
        member, _ = fields.resolve(tree, call)
        kind = kind_of(member[1].kind) if member else NONE
        yield field[1], kind
        if kind == NONE:
            place = rf'(?:->|\.)\s*{field[1]}\b'
            yield from ((field[1], other) for other in kinds_behind(code, place, 2))
        return
    name = code[slice(*call.target)].strip() if call.target else ''
    if not re.fullmatch(r'\w+', name):
        return
    tag = fields.type_of_variable(code, call.at, name)
    if tag:
        yield name, 'struct ' + tag
    end = code.find('\n}', call.at)
    for match in re.finditer(rf'(?:->|\.)\s*(\w+)\s*(?:\[[^\[\]]*\]\s*)?=\s*(?:\([^()]*\)\s*)?{name}\s*;',
                             code[call.at:end]):
        for _, member in fields.members_named(tree, path, match[1]):
            if member.stars:
                yield match[1], kind_of(member.kind)


def elements(tree, calls):
    """Return the (field, element type) of what a file allocates."""
    return {one for call in calls if call.allocates for one in elements_of(tree, call)}


def rules_for(text, field, kind):
    """Return the rules for one field."""
    if not kind.startswith('struct '):
        text = re.sub(r'^struct element \*d;', f'typedef {kind};\nstruct element *d;', text,
                      count=1, flags=re.M)
    return text.replace('struct element', kind).replace('ring_field', field)


def own_pointers(tree, path, kind):
    """Return the members of an element that are pointers: a device does not use them."""
    found = fields.bodies_named(tree, path, kind.split()[-1])
    return {member.name for _, body in found for member in body.members if member.stars}


def findings(path, source, output, ignored):
    """Return what the output of the rules means for one file."""
    out = {}
    for line in output.rstrip('\n').split('\n') if output else []:
        rule, first, number, column, *words = line.split('\t')
        first, number = int(first), int(number)
        at = source.offset(number, int(column))
        message = None if words[0] in ignored else JUDGES[rule](source, first, at, words, ignored)
        if message and (first < number or rule == 'loop'):
            key = (number, rule)
            if key not in out or out[key]['other'] < first:
                out[key] = {'file': path, 'line': number, 'rule': rule, 'field': words[0],
                            'other': first, 'message': message}
    return out


def users(path, found, tree):
    """Return the files of the same folder that use what a file allocates."""
    names = {kind.split()[-1] for _, kind in found if kind != NONE}
    if not names:
        return []
    word = re.compile(r'\b(?:' + '|'.join(map(re.escape, sorted(names))) + r')\b')
    return [other for other in fields.sources_in(os.path.dirname(path))
            if other != path and word.search(tree.source(other).code)]


def run(paths, warn, with_users):
    """Return the findings in some files, and for a folder in the files beside those that allocate."""
    tree = fields.Tree()
    wanted = {}
    for source, calls in table.read_all(paths, warn):
        tree.sources[source.path] = source
        found = elements(tree, calls)
        for other in [source.path] + (users(source.path, found, tree) if with_users else []):
            wanted.setdefault(other, set()).update(found)
    with open(os.path.join(coccinelle.HOME, 'bugs.cocci'), encoding='utf-8') as file:
        rules = file.read()
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        jobs, made, kinds = [], {}, []
        for path in sorted(wanted):
            for one in sorted(wanted[path]):
                if one not in made:
                    made[one] = os.path.join(folder, f'{len(made)}.cocci')
                    with open(made[one], 'w', encoding='utf-8') as file:
                        file.write(rules_for(rules, *one))
                jobs.append((made[one], path))
                kinds.append(one[1])
        for kind, ((_, path), output, why) in zip(kinds, coccinelle.run_all(jobs)):
            if why:
                warn(f'{path}: {why}')
            ignored = own_pointers(tree, path, kind)
            for key, finding in findings(path, tree.source(path), output, ignored).items():
                out.setdefault((path, *key), finding)
    return [out[key] for key in sorted(out)]

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Only src/base/sys*.c call the system: syscalls.py SOURCE_DIR LIBRARY. Prints TAP.

A function of libc that wraps a system call, or that starts a program, has a function of a
src/base/sys*.h, which returns -errno and restarts after EINTR. No other file of src/ calls such a
function itself or reads errno. The first tests read the sources and name the line. The last one
reads the symbols that the object files need, and accepts only functions of libc that are known
not to call the system. Locks and keys of pthreads are accepted: lock.h and thread_slot.c have
those.
"""
import os
import re
import subprocess
import sys

from tap import Results

MEMBERS = ('base_sys', 'base_sys_doorbell', 'base_sys_fault', 'base_sys_file', 'base_sys_maps',
           'base_sys_process',
           'base_sys_socket')
ALLOWED = {f'src/{name.replace("_", "/", 1)}.{end}' for name in MEMBERS for end in 'ch'}
CALLS = '''
    accept accept4 access bind chmod clock_gettime clock_nanosleep close closedir connect creat dup
    dup2 dup3 eventfd eventfd_read eventfd_write execl execlp execv execve execvp _exit fallocate
    fcntl fdopen flock fopen fork fstat fsync ftruncate getegid getenv geteuid getgid getpeername getpid
    getppid getrandom getrlimit getsockname getsockopt gettid getuid ioctl kill listen lseek lstat
    madvise mbind memfd_create mincore mkdir mlock mmap mprotect mremap munlock munmap nanosleep
    open openat opendir pclose pipe pipe2 poll popen posix_fallocate posix_spawn posix_spawnp ppoll prctl pread
    preadv preadv2 prlimit pthread_create pthread_join pthread_kill pthread_setcancelstate
    pthread_sigmask pwrite pwritev pwritev2 raise read readdir readlink readlinkat readv recv recvfrom recvmsg rename rmdir
    sched_getaffinity sched_setaffinity sched_yield select send sendmsg sendto setenv setpgid
    setrlimit setsockopt shutdown sigaction signal signalfd sigprocmask sleep socket socketpair stat
    statx symlink syscall sysconf system time timerfd_create truncate unlink usleep vfork wait
    waitid waitpid write writev
'''.split()
# A member of a struct may have such a name, as in backend->ops->open().
CALL = re.compile(r'(?<![\w.>])(' + '|'.join(CALLS) + r')\s*\(')
ERRNO = re.compile(r'(?<!\w)errno(?!\w)')
# Comments, strings, characters and #include lines hold words, not code.
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|'
                     r'^#include[^\n]*', re.S | re.M)


# Inline functions of sys.h bring clock_gettime(), sysconf() and pthread_setcancelstate() into other
# object files.
HARMLESS = re.compile(r'''
    _GLOBAL_OFFSET_TABLE_|__cpu_model|__lsan_\w+|__tls_get_addr|__ctype_b_loc|clock_gettime|sysconf|
    aligned_alloc|calloc|malloc|free|qsort|mem\w+|str\w+|(__isoc99_)?sscanf|snprintf|vsnprintf|fprintf|stderr|
    pthread_(atfork|once|key_create|setcancelstate|setspecific|cond\w+|mutex\w+)''', re.X)


def broken(text):
    """Yields (line number, rule) of each line that breaks a rule."""
    code = NO_CODE.sub(lambda found: '\n' * found[0].count('\n'), text)
    for number, line in enumerate(code.splitlines(), 1):
        for call in CALL.findall(line):
            yield number, f'{call}() is called directly; call it through src/base/sys*.h'
        if ERRNO.search(line):
            yield number, 'errno is used; only sys*.c do, others get -errno'


def sources(source_dir):
    for folder, _, names in sorted(os.walk(os.path.join(source_dir, 'src'))):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if (name.endswith(('.c', '.h')) and
                    os.path.relpath(path, source_dir) not in ALLOWED):
                yield path


def unknown_symbols(library):
    """Yields (object file, symbol) of what an object file needs from outside and must not."""
    run = subprocess.run(['nm', '-A', library], check=True, capture_output=True, text=True)
    symbols = [(re.search(r'([^:/]+)\.c\.o:', line)[1], *line.split()[-2:])
               for line in run.stdout.splitlines()]
    defined = {name for _, kind, name in symbols if kind != 'U'}
    for member, kind, name in symbols:
        if (kind == 'U' and name not in defined and not HARMLESS.fullmatch(name) and
                member not in MEMBERS):
            yield member, name


def main():
    if len(sys.argv) != 3:
        print('usage: syscalls.py SOURCE_DIR LIBRARY', file=sys.stderr)
        return 2
    files, found = list(sources(sys.argv[1])), []
    for path in files:
        with open(path, encoding='utf-8') as source:
            found += [f'{os.path.relpath(path, sys.argv[1])}:{number}: {rule}'
                      for number, rule in broken(source.read())]
    # The check must find the calls in this sample. Otherwise it finds none at all.
    sample = '/* read(fd) */\n#include <errno.h>\nif (ops->open(fd) || read(fd))\n\treturn -errno;\n'
    works = [number for number, _ in broken(sample)] == [3, 4]
    results = Results()
    results.say(works, 'a direct call is found')
    results.say(files and not found, f'{len(files)} files call the system through sys.h', found)
    unknown = [f'{member} needs {name}(): call it through sys.h, or add it to HARMLESS'
               for member, name in unknown_symbols(sys.argv[2])]
    results.say(not unknown, 'the object files need only known functions of libc', unknown)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())

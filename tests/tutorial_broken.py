#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tutorial.py notices each way in which a page can be wrong. Prints TAP."""
import os
import sys
import tempfile

import tutorial
from tap import Results

GOOD = '''Text.
```c hello.c
#include <stdio.h>
int main(void)
{
	puts("hello");
	return 0;
}
```

```sh
cc -o hello hello.c
./hello
echo "in 12 ms"; pwd
```
```text
hello
in 3 ms
/home/you
```
```sh no-such-command
no-such-command
```
```text
It would say this.
```
'''
# Each row breaks the page, and names the result that must fail then.
BREAKS = (
    ('a file does not compile', 'puts("hello");', 'puts("hello")', 'line 11: the commands run'),
    ('a program fails', 'return 0;', 'return 1;', 'line 11: the commands run'),
    ('a program prints another thing', 'puts("hello");', 'puts("hallo");',
     'line 11: they print what the page says'),
    ('the page says more', 'in 3 ms\n', 'in 3 ms\nand more\n', 'line 11: they print what the page says'),
    ('the page does not show what is printed', '```text\nhello\nin 3 ms\n/home/you\n```\n', '',
     'line 11: they print what the page says'),
    ('a file has no name', '```c hello.c', '```c', 'line 2: the block is a file, commands or text'),
    ('a block says nothing', '```c hello.c', '```', 'line 2: the block is a file, commands or text'),
    ('a text belongs to no commands', '```sh\n', '```text\nhello\n```\n```sh\n',
     'line 11: the block is a file, commands or text'),
    ('a block does not end', '```\n```sh no', '```sh no', 'each block ends'),
    ('nothing is run', GOOD[GOOD.index('```sh'):], '', 'there is something to run'),
)


def run(page):
    """Returns {name: result} of a page, which needs no install."""
    with tempfile.TemporaryDirectory() as where:
        return {result.name: result for result in
                tutorial.run_page(page, where, dict(os.environ, LC_ALL='C.UTF-8'))}


def main():
    good = run(GOOD)
    said = '\n'.join(f'{name}: {result.why}' for name, result in good.items() if not result.good)
    results = Results()
    results.say(not said, 'a good page passes', said)
    results.say(good['line 21'].skipped and 'no-such-command' in good['line 21'].why,
                'a block without its command is skipped with the reason', good)
    for title, before, after, name in BREAKS:
        found = run(GOOD.replace(before, after, 1))
        results.say(name in found and not found[name].good, f'noticed: {title}', found)
    tutorial.LIMIT_SECONDS = 1
    ended = run(GOOD.replace('./hello', 'while ! ./helo 2>/dev/null; do :; done'))
    found = ended['line 11: the commands run']
    results.say(not found.good and 'ran for 1 seconds' in found.why, 'noticed: a loop does not end', ended)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())

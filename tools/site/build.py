#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Build the site from the documents, the man pages and the programs of a build.

usage: build.py [--limit BYTES] BUILD_DIR OUTPUT_DIR
       build.py --check

BUILD_DIR is a build folder of meson in which everything is built. The site in OUTPUT_DIR needs no
server, no network and no JavaScript: open OUTPUT_DIR/index.html. A document whose page has more
than BYTES (150000) becomes several pages. A dead link is an error. With --check the script only
looks for the tools that it needs. Exit status: 0, 1 after an error, or 2 if a tool is missing.
"""
import argparse
import os
import shutil
import sys

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import front  # noqa: E402
import manual  # noqa: E402
from site_pages import Failed, Site  # noqa: E402

USAGE = 'build.py [--limit BYTES] BUILD_DIR OUTPUT_DIR | --check'
# Each has the name of its package.
TOOLS = ('cc', 'cmark-gfm', 'mandoc', 'meson')


def main():
    parser = argparse.ArgumentParser(usage=USAGE)
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--limit', type=int, default=150000)
    parser.add_argument('folders', nargs='*')
    if '--help' in sys.argv:
        print(__doc__.strip())
        return 0
    args = parser.parse_args()
    if len(args.folders) != (0 if args.check else 2):
        print(f'usage: {USAGE}', file=sys.stderr)
        return 2
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        print(f'site: {" and ".join(missing)} must be installed: run make deps-site',
              file=sys.stderr)
        return 2
    return 0 if args.check else build(*args.folders, args.limit)


def build(build_dir, output_dir, limit):
    """Build the site. Returns the exit status."""
    try:
        if os.path.exists(output_dir) and not os.path.exists(os.path.join(output_dir, 'style.css')):
            raise Failed(f'{output_dir} exists and is not a site; name another folder')
        pages = manual.pages_of(build_dir)
        if ('coherent', '7') not in pages:
            print('site: linux-kbuild-6.1 must be installed, for the manual: run make deps-site; '
                  'then configure the build again', file=sys.stderr)
            return 2
        gone = [path for path in pages.values() if not os.path.exists(path)]
        if gone:
            raise Failed(f'{gone[0]} is missing; build it with ninja -C {build_dir}')
        site = Site(SOURCE_DIR, os.path.abspath(build_dir), limit, pages)
        front.add_pages(site)
        site.write(output_dir)
    except Failed as error:
        print(f'site: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

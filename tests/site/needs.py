# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The tests of the web site ask here what is missing."""
import os
import shutil


def lacking(build_dir, *tools):
    """Returns what must be installed before the tests can run, or ''."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        return f'{" and ".join(missing)} must be installed: run make deps-all'
    if not os.path.exists(os.path.join(build_dir, 'include/coherent.7')):
        return 'the build has no man pages: linux-kbuild-6.1 must be installed'
    return ''

# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The version of a source tree."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import read  # noqa: E402


def version(source):
    text = read(os.path.join(source, 'meson.build'))
    return re.search(r"^  version: '(.+)'", text, re.M)[1]

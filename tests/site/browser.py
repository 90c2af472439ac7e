#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The site in a browser: browser.py SOURCE_DIR BUILD_DIR. Prints TAP.

Chromium lays out each page in a frame of the width of a phone, a tablet and a desktop, in light and
in dark mode. No page is wider than its frame, each picture loads, and each text has the contrast to
the colour behind it that WCAG AA wants.
"""
import glob
import html
import json
import os
import re
import subprocess
import sys
import tempfile

from needs import lacking

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

WIDTHS = (320, 360, 800, 1400)
# The value of Chromium's setting for each mode.
MODES = {'light': 1, 'dark': 0}
# The script loads each page in each width. It writes the complaints into the page, and then DONE.
HARNESS = '''<!DOCTYPE html><meta charset="utf-8"><title>harness</title><pre id="out"></pre>
<iframe id="frame" style="height:800px;border:0"></iframe><script>
const pages = @PAGES@, widths = @WIDTHS@, said = [];
const frame = document.getElementById('frame');
function channel(c) {
	c /= 255;
	return c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
}
function luminance(c) {
	return 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
}
function numbers(colour) { return colour.match(/[\\d.]+/g).map(Number); }
function behind(element) {
	for (; element; element = element.parentElement) {
		const back = numbers(getComputedStyle(element).backgroundColor);
		if (back.length < 4 || back[3] > 0) return back;
	}
	return [255, 0, 255];
}
function pale(doc) {
	const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	while (walker.nextNode()) {
		const element = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || element.className === 'anchor') continue;
		const style = getComputedStyle(element);
		const pair = [luminance(numbers(style.color)), luminance(behind(element))].sort((a, b) => b - a);
		const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
		if (ratio < 4.5) seen.add(element.tagName + ' ' + ratio.toFixed(2));
	}
	return [...seen];
}
function look(page, width) {
	const doc = frame.contentDocument, root = doc.documentElement;
	if (root.scrollWidth > width) said.push([page, width, 'is ' + root.scrollWidth + ' wide']);
	for (const image of doc.images)
		if (!image.naturalWidth) said.push([page, width, image.getAttribute('src') + ' does not load']);
	for (const words of pale(doc)) said.push([page, width, 'too little contrast: ' + words]);
	if (!matchMedia('(prefers-color-scheme: @MODE@)').matches)
		said.push([page, width, 'is not in @MODE@ mode']);
}
async function all() {
	for (const page of pages) for (const width of widths) {
		frame.style.width = width + 'px';
		if (width === widths[0]) await new Promise(done => { frame.onload = done; frame.src = page; });
		look(page, width);
	}
	document.getElementById('out').textContent = JSON.stringify(said);
	document.title = 'DONE';
}
all();
</script>'''


def complaints(site, mode, profile):
    """Return what the browser says about the pages in a mode."""
    pages = sorted(glob.glob('**/*.html', root_dir=site, recursive=True))
    harness = os.path.join(site, 'harness.html')
    with open(harness, 'w', encoding='utf-8') as file:
        file.write(HARNESS.replace('@PAGES@', json.dumps(pages)).replace('@MODE@', mode)
                   .replace('@WIDTHS@', json.dumps(WIDTHS)))
    # A sandbox needs user namespaces, and the pages are ours.
    run = subprocess.run(['chromium', '--headless', '--no-sandbox', '--disable-gpu',
                          '--allow-file-access-from-files', f'--user-data-dir={profile}',
                          f'--blink-settings=preferredColorScheme={MODES[mode]}',
                          '--window-size=1500,900', '--virtual-time-budget=600000', '--dump-dom',
                          'file://' + harness], check=False, capture_output=True, text=True)
    os.unlink(harness)
    found = re.search(r'<title>DONE</title>.*?<pre id="out">(.*?)</pre>', run.stdout, re.S)
    if not found:
        return [f'the browser ended with {run.returncode}: {run.stderr[-2000:]}']
    return [f'{page} at {width}: {words}'
            for page, width, words in json.loads(html.unescape(found[1]))]


def main():
    if len(sys.argv) != 3:
        print('usage: browser.py SOURCE_DIR BUILD_DIR', file=sys.stderr)
        return 2
    source_dir, build_dir = map(os.path.abspath, sys.argv[1:])
    results = Results()
    reason = lacking(build_dir, 'chromium', 'cmark-gfm', 'mandoc')
    if reason:
        results.skip('the pages in a browser', reason)
        return results.close()
    with tempfile.TemporaryDirectory() as folder:
        site = os.path.join(folder, 'site')
        subprocess.run([sys.executable, os.path.join(source_dir, 'tools/site/build.py'), build_dir,
                        site], check=True)
        for mode in MODES:
            said = complaints(site, mode, os.path.join(folder, 'profile'))
            results.say(not said, f'in {mode} mode each page fits, is readable and has its pictures',
                        said[:40])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Test "coherent map" with a driver that runs, with its core dump, and with a device.

usage: map.py COMMAND DRIVER

DRIVER makes known objects (driver.c). Prints TAP.
"""
import os
import re
import sys
import tempfile
import xml.etree.ElementTree

import core
from common import Command
from top import Driver

SVG = '{http://www.w3.org/2000/svg}'


def check_process(test, driver):
    answer, done = test.json('map', driver.pid)
    device = answer['devices'][0] if answer else {}
    test.say(done.returncode == 0 and device.get('objects') == 14 and
             device['reachable'] == 3 * 4096, 'the objects and the reachable bytes are right',
             f'{done.stderr} {answer}')
    parts = device['parts']
    test.say([int(part['first'], 16) for part in parts] ==
             sorted(int(part['first'], 16) for part in parts), 'the objects are sorted', parts)
    kinds = sorted({part['kind'] for part in parts})
    test.say(kinds == ['box', 'ended', 'free part of a pool', 'mem', 'mem, read-only'],
             'each kind of object is there', kinds)
    test.say(all('driver.c:' in part['site'] for part in parts), 'each object has its site', parts)
    test.say(driver.address in [part['first'] for part in parts],
             'a mem is at the address that the driver knows', parts)
    run = device['runs'][0]
    test.say(run['cells'].count('M') == 2 and run['cells'].count('r') == 1 and
             run['cells'].count('b') == 3 and run['cells'].count('e') == 1,
             'each page of an object has a letter', run)
    holes = [(hole['first'], hole['last']) for hole in device['holes']]
    test.say(('0xfee00000', '0xfeefffff') in holes, 'the hole of the MSI window is there', holes)
    done = test.run('map', driver.pid)
    test.say(done.returncode == 0 and run['cells'][:64] in done.stdout and 'hole' in done.stdout,
             'the text has the same letters', done.stdout)
    for columns in (20, 40):
        status, lines = test.in_terminal(columns, 'map', driver.pid)
        test.say(status == 0 and all(len(line) <= columns for line in lines) and
                 run['cells'][:16] in ''.join(line.strip() for line in lines),
                 f'the text fits {columns} columns', '\n'.join(lines))
    lines = test.in_terminal(12, 'map', driver.pid)[1]
    test.say('    ' + run['cells'][:8] in lines and '    ' + run['cells'][8:16] in lines,
             'a narrow terminal breaks a run of letters', '\n'.join(lines))


def check_svg(test, driver):
    done = test.run('map', '--svg', driver.pid)
    root = xml.etree.ElementTree.fromstring(done.stdout)
    titles = [title.text for title in root.iter(SVG + 'title')]
    test.say(any(title.endswith(': mem') and title.startswith(driver.address) for title in titles),
             'the picture has the mem at its address', titles)
    texts = [text.text for text in root.iter(SVG + 'text')]
    test.say('sim:edu,mask=48: 14 objects in the addresses of the device' in texts,
             'the picture has the number of objects', texts)
    test.complains(2, '--svg or --json', 'map', '--svg', '--json', driver.pid)


def check_many(test, program):
    with Driver(program, '-n', '20000') as driver:
        answer, _ = test.json('map', driver.pid)
        device = answer['devices'][0]
        test.say(len(device['parts']) == 10000 and device['part_count'] > device['objects'] > 20000,
                 'JSON says how many parts there are if it leaves some out',
                 f"{len(device['parts'])} {device['part_count']} {device['objects']}")


def check_missing(test, program):
    """With few addresses, a device has room for the records of some thousand objects."""
    with open(program, 'rb') as file:
        # A sanitizer needs more addresses than that.
        if re.search(b'__[at]san_init', file.read()):
            return
    with Driver('sh', '-c', 'ulimit -v 500000 && exec "$@"', 'sh', program, '-n', '200000') as driver:
        answer, done = test.json('map', driver.pid)
        device = answer['devices'][0]
        test.say(device.get('missing') and device['objects'] < 200000,
                 'JSON says that objects are missing', done.stdout[-200:])
        done = test.run('map', driver.pid)
        test.say('  The device has more objects than fit into its shared memory.\n' in done.stdout,
                 'the text says it', done.stdout[:400])
        done = test.run('map', '--svg', driver.pid)
        test.say(' objects (and more) in the addresses' in done.stdout, 'the picture says it too',
                 done.stdout[:600])


def check_order_of_core(test, driver):
    """The kernel maps later segments below, and a core dump has them in the order of addresses."""
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, 'core')
        core.write(driver.pid, path)
        for name in ('map', 'top'):
            live, _ = test.json(name, driver.pid)
            dump, done = test.json(name, path)
            test.say([device['device'] for device in dump['devices']] ==
                     [device['device'] for device in live['devices']],
                     f'{name} shows a core dump in the order of the process', done.stdout)
        live, _ = test.json('map', '--device=0', driver.pid)
        dump, done = test.json('map', '--device=0', path)
        test.say(dump['devices'][0]['device'] == live['devices'][0]['device'],
                 '--device numbers the devices of a core dump in the same way', done.stdout)


def check_two(test, program):
    with Driver(program, '-t') as driver:
        answer, _ = test.json('map', driver.pid)
        test.say([device['device'] for device in answer['devices']] ==
                 ['sim:edu,mask=48', 'sim:edu,mask=32'], 'both devices are shown', answer)
        answer, _ = test.json('map', '--device=1', driver.pid)
        test.say([device['device'] for device in answer['devices']] == ['sim:edu,mask=32'],
                 '--device shows one of them', answer)
        for args, name in (((), 'mask=48: 14 objects'), (('--device=1',), 'mask=32: 0 objects')):
            done = test.run('map', '--svg', *args, driver.pid)
            xml.etree.ElementTree.fromstring(done.stdout)
            test.say(name in done.stdout, f'the picture shows {name}', done.stdout[:400])
        test.complains(1, 'has no device of that number', 'map', '--device=2', driver.pid)
        check_order_of_core(test, driver)
    for number in ('x', '', '-1'):
        test.complains(2, 'is not a number', 'map', f'--device={number}', '1')


def check_closed(test, program):
    with Driver(program, '-l') as driver:
        answer, done = test.json('map', driver.pid)
        device = answer['devices'][0]
        test.say(device.get('closed') and device['reachable'] == 0 and device['objects'] == 14,
                 'a closed device reaches nothing, and its objects are shown', done.stdout)
        done = test.run('map', driver.pid)
        test.say('14 objects, the device reaches 0 B\n  The device is closed, and its objects are not '
                 'freed.\n' in done.stdout, 'the text says that the device is closed', done.stdout)
        done = test.run('map', '--svg', driver.pid)
        test.say('14 objects in the addresses of the device, which is closed<' in done.stdout,
                 'the picture says it too', done.stdout[:600])


def check_twins(test, program):
    with Driver(program, '-s') as driver:
        answer, _ = test.json('map', driver.pid)
        first, second = answer['devices']
        test.say(not any('twin' in part['kind'] for part in first['parts']),
                 'the mem itself is not a twin', first)
        test.say([part['kind'] for part in second['parts']] == ['twin', 'twin, read-only'] and
                 second['reachable'] == 2 * 4096 and second['runs'][0]['cells'].strip('.') == 'T.t',
                 'twins have a kind and letters of their own', second)
        done = test.run('map', driver.pid)
        test.say('T twin' in done.stdout and 't read-only twin' in done.stdout,
                 'the text explains the letters', done.stdout)
        done = test.run('map', '--svg', '--device=1', driver.pid)
        root = xml.etree.ElementTree.fromstring(done.stdout)
        titles = {rect[0].text.split(': ')[1]: rect.get('fill') for rect in root.iter(SVG + 'rect')
                  if len(rect)}
        boxes = [rect for rect in root.iter(SVG + 'rect') if rect.get('width') == '12']
        legend = dict(zip((text.text for text in root.iter(SVG + 'text') if text.get('x') != '20'),
                          (rect.get('fill') for rect in boxes)))
        test.say(all(titles[kind] == legend[kind] for kind in ('twin', 'twin, read-only')) and
                 len(set(legend.values())) == len(legend) == 10,
                 'each kind has its colour in the picture', f'{titles} {legend}')


def check_core(test, driver, where):
    path = os.path.join(where, 'core')
    core.write(driver.pid, path)
    for subcommand, count in (('map', lambda device: device['objects']),
                              ('top', lambda device: device['boxes'] + device['mems'] +
                               device['ended'])):
        answer, done = test.json(subcommand, path)
        test.say(done.returncode == 0 and answer['devices'][0]['pid'] is None and
                 count(answer['devices'][0]) == 14, f'{subcommand} reads a core dump',
                 f'{done.stderr} {answer}')
        rows = answer.get('rows') or answer['devices'][0]['parts']
        test.say(all('driver.c:' in row['site'] for row in rows),
                 f'{subcommand} finds the sites in the program of the core dump', rows)
    with open(path, 'rb') as file:
        whole = file.read()
    bad = []
    # Objects may be in the part that is missing, so the command must not answer.
    for size in [*range(0, 800, 13), *range(800, len(whole), 40961), len(whole) - 1]:
        with open(path, 'wb') as file:
            file.write(whole[:size])
        done = test.run('map', path)
        words = 'the core dump is truncated' if size >= 64 else 'it is not a core dump'
        if done.returncode != 1 or done.stdout or done.stderr.count('\n') != 1 or words not in done.stderr:
            bad.append(f'{size}: {done.returncode} {done.stderr}')
    test.say(not bad, 'a truncated core dump gives a line and no answer', '\n'.join(bad[:20]))
    test.complains(1, 'the core dump is truncated', 'top', path)
    core.write(driver.pid, path, True)
    answer, done = test.json('map', path)
    test.say(done.returncode == 0 and answer['devices'][0]['objects'] == 14,
             'map reads a core dump with more parts than its header can say', done.stderr)
    with open(path, 'r+b') as file:
        file.truncate(os.path.getsize(path) - 1)
    test.complains(1, 'the core dump is truncated', 'map', path)


def check_damaged_core(test, driver, where):
    """The command reads the tables of the dump in place, so each must be aligned."""
    path = os.path.join(where, 'core')
    for name, is_extended, at in (('the table of parts', False, 32), ('the section', True, 40),
                                  ('the notes', False, 64 + 8)):
        core.write(driver.pid, path, is_extended)
        with open(path, 'r+b') as file:
            file.seek(at)
            offset = int.from_bytes(file.read(8), 'little')
            file.seek(at)
            file.write((offset - 6).to_bytes(8, 'little'))
        done = test.run('map', path)
        test.say((done.returncode, done.stdout, done.stderr) ==
                 (1, '', f'coherent: "{path}": the core dump is damaged\n'),
                 f'a core dump is refused if {name} is not aligned', f'{done.returncode} {done.stderr}')


def check_device(test):
    answer, done = test.json('map', 'sim:edu,mask=32')
    test.say(done.returncode == 0 and answer['devices'][0]['mask'] == '0xffffffff' and
             not answer['devices'][0]['objects'], 'a device that the command opens has no objects',
             f'{done.stderr} {answer}')
    done = test.run('map', '--svg', 'sim:edu')
    xml.etree.ElementTree.fromstring(done.stdout)
    test.say(done.returncode == 0, 'such a device has a picture too', done.stderr)
    test.complains(2, 'no-such', 'map', 'no-such:device')
    test.refuses(2, 'map: sim:edu is one device, so leave --device out', 'map', '--device=7',
                 'sim:edu')
    for word in ('sim:edu', '1'):
        test.refuses(2, f'map: --qemu-arg is only for a device of qemu:, and "{word}" is not one',
                     'map', word, '--qemu-arg=-netdev')
    test.complains(1, 'no such process', 'map', '4194304')


def main():
    if len(sys.argv) != 3:
        sys.exit('usage: map.py COMMAND DRIVER')
    test = Command(sys.argv[1])
    with Driver(sys.argv[2]) as driver, tempfile.TemporaryDirectory() as where:
        check_process(test, driver)
        check_svg(test, driver)
        check_core(test, driver, where)
        check_damaged_core(test, driver, where)
    check_many(test, sys.argv[2])
    check_two(test, sys.argv[2])
    check_missing(test, sys.argv[2])
    check_closed(test, sys.argv[2])
    check_twins(test, sys.argv[2])
    check_device(test)
    return test.end()


if __name__ == '__main__':
    sys.exit(main())

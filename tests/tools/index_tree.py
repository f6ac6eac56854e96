# SPDX-License-Identifier: MIT
"""A directory with everything that has ever broken a program that reads
directories, and the words in it by a second opinion."""

import os
import random
import re
import socket
import stat

BUFFER = 128 << 10  # the largest read of `index`


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def nasty_texts(seed):
    rng = random.Random(seed)
    letters = b"abcxyzABCXYZ"
    yield "empty", b""
    yield "one-letter", b"a"
    yield "no-newline", b"last words"
    yield "only-newlines", b"\n" * 1000
    yield "nuls", b"one\0two\0\0three\0" * 50 + b"\0" * 5000 + b"four"
    yield "bad-utf8", b"caf\xc3\xa9 \xff\xfe word\x80word \xc3(\xed\xa0\x80z"
    yield "crlf", b"alpha\r\nbeta\r\n" * 20
    yield "digits", b"a1b2c3 4 5six 0x7f _under_score-dash's"
    yield "edges", b"@A[Z`a{z" * 10
    yield "every-byte", bytes(range(256)) * 4
    yield "long-word", b"Long" * (10 << 18)
    yield "long-words", b" ".join([b"q" * 70000, b"q" * 70000, b"Q" * 69999])
    for shift in (-2, -1, 0, 1, 2):
        yield f"across{shift}", (b"." * (BUFFER - 3 + shift) + b"crossing "
                                 + b"-" * (BUFFER - 9) + b"border")
    yield "many-distinct", b"\n".join(
        bytes(rng.choice(letters) for _ in range(12)) for _ in range(50000))
    yield "many-equal", b"same Same SAME\n" * 40000
    yield "random", bytes(rng.randrange(256) for _ in range(300000))


def make(root, seed=1):
    """Fills `root`.  True: there are files that only root may read."""
    for name, data in nasty_texts(seed):
        write(os.path.join(root, name), data)
    for name in (b"new\nline", b"back\\slash", b"tab\tand space", b"-rf",
                 b"\xff\xfe", b"\x1b[31mred", "ünï".encode(), b"'quo\"te"):
        write(os.path.join(os.fsencode(root), name), b"named file\n")
    many = os.path.join(root, "many")
    os.mkdir(many)
    for i in range(400):
        write(os.path.join(many, str(i)), b"file number %d of many\n" % i)
    os.mkdir(os.path.join(root, "empty-dir"))
    os.mkfifo(os.path.join(root, "fifo"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(root, "socket"))
    os.symlink("one-letter", os.path.join(root, "link-to-file"))
    os.symlink("many", os.path.join(root, "link-to-dir"))
    os.symlink(".", os.path.join(root, "link-to-self"))
    os.symlink("nowhere", os.path.join(root, "dangling"))
    deep(root)
    write(os.path.join(root, "secret"), b"secret words")
    os.chmod(os.path.join(root, "secret"), 0)
    locked = os.path.join(root, "locked")
    os.mkdir(locked)
    write(os.path.join(locked, "inside"), b"locked words")
    os.chmod(locked, 0)


def deep(root):
    """Directories whose path is longer than PATH_MAX."""
    at = os.open(root, os.O_RDONLY)
    name = "d" * 200
    for _ in range(30):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    file = os.open("bottom", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=at)
    os.write(file, b"the very bottom")
    os.close(file)
    os.close(at)


def positions(path, word):
    """Where a word begins in a file, by a regular expression."""
    with open(path, "rb") as file:
        data = file.read()
    alone = rb"(?<![A-Za-z])" + word + rb"(?![A-Za-z])"
    return [match.start()
            for match in re.finditer(alone, data, re.IGNORECASE)]


def regular(path):
    return stat.S_ISREG(os.lstat(path).st_mode)

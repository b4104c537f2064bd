#!/usr/bin/env python3
"""json_compare.py COUNT [--seed N] [--yaml] -- COMMAND...

Makes COUNT JSON documents (the same for the same seed) with what is hard in them: escapes, lone surrogates, numbers at
every edge, empty arrays and objects, duplicate keys, deep nesting, odd white space. COMMAND (a program that runs
scripts/dev/json_again.lua) reads each and writes it again; Python's json reads both, and they must be the same. With
--yaml the command goes by way of YAML, where floats without a fraction come back as integers.
"""
import argparse
import json
import random
import re
import subprocess
import sys

BATCH = 10000

PIECES = ["", "a", "name", "yes", "null", "1", "0x10", "1e3", " ", "  x", "x ", "- a", "a: b", "# c", "\\n", "\\r", "\\t", "\\b", "\\f",
          "\\u0000", "\\u001F", "\\\"", "\\\\", "\\/", "\\u00e9", "\u00e9", "\u00df", "\u20ac", "\U0001f600", "\\ud83d\\ude00", "\\uD800",
          "\\udc00", "\\ud83d\\ud83d\\ude00", "\\u2028", "\u2029", "\\u0085", "\ufeff", "\ufffd", "\\uffff", "\x7f", "{", "}", "[", "]", ",",
          ":", "'", "%", "&", "*", "!", "|", ">", "@", "`", "~", "line\\nline\\n", "trail \\n", "\\n\\n", "---", "...", "<<", "=",
          "kubectl.kubernetes.io/last-applied-configuration", "long " * 30]
NUMBERS = ["0", "-0", "1", "-1", "0.0", "-0.0", "1.0", "0.1", "1e0", "1E+2", "1e-2", "-1.5e-7", "123456789012345678",
           "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809",
           "18446744073709551615", "99999999999999999999999999", "1e22", "1e23", "5e-324", "2.2250738585072014e-308",
           "1.7976931348623157e308", "0.30000000000000004", "3.141592653589793238462643383279", "1e-400", "1e400", "-1E+400"]
SPACES = ["", "", "", "", "", " ", "  ", "\t", "\r"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def space(self):
        return self.random.choice(SPACES)

    def string(self):
        count = self.random.choice((0, 1, 1, 1, 2, 3, 8))
        return '"' + "".join(self.random.choice(PIECES) for _ in range(count)) + '"'

    def number(self):
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.choice(NUMBERS)
        if kind == 1:
            return str(self.random.randint(-100, 100000))
        if kind == 2:
            return str(self.random.getrandbits(self.random.randrange(1, 80)) * self.random.choice((1, -1)))
        return repr(self.random.uniform(-1, 1) * 10.0 ** self.random.randrange(-30, 30))

    def value(self, depth):
        kind = self.random.randrange(10 if depth > 0 else 6)
        if kind < 3:
            return self.string()
        if kind < 5:
            return self.number()
        if kind == 5:
            return self.random.choice(("true", "false", "null", "[]", "{}", "[ ]", "{\t}"))
        return self.collection(depth, kind < 8)

    def collection(self, depth, array):
        count = self.random.choice((0, 1, 2, 3, 5, 9, 20 if depth < 3 else 4))
        parts = []
        for _ in range(count):
            key = "" if array else self.string() + self.space() + ":" + self.space()
            parts.append(self.space() + key + self.value(depth - 1) + self.space())
        return ("[" if array else "{") + ",".join(parts) + ("]" if array else "}")

    def document(self):
        if self.random.randrange(200) == 0:
            depth = self.random.randrange(900)
            return "[" * depth + self.value(1) + "]" * depth
        return self.space() + self.value(self.random.choice((0, 2, 2, 3, 4))) + self.space()


LONE = re.compile("[\ud800-\udfff]")


def normal(text, by_yaml):
    """The document in one form: sorted keys, lone surrogates as U+FFFD, numbers by value and kind."""

    def integer(digits):
        return -0.0 if digits == "-0" else int(digits)

    def real(digits):
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            return "beyond: " + digits
        if by_yaml and number == int(number) and abs(number) < 2 ** 63 and str(number) != "-0.0":
            return int(number)
        return number

    def pairs(members):
        return {LONE.sub("\ufffd", key): value for key, value in members}

    def strings(value):
        if isinstance(value, str):
            return LONE.sub("\ufffd", value)
        if isinstance(value, list):
            return [strings(item) for item in value]
        if isinstance(value, dict):
            return {key: strings(item) for key, item in value.items()}
        return value

    value = json.loads(text, parse_int=integer, parse_float=real, object_pairs_hook=pairs)
    return json.dumps(strings(value), sort_keys=True)


def compare(documents, command, by_yaml):
    done = subprocess.run(command, input="\n".join(documents).encode() + b"\n", stdout=subprocess.PIPE, check=True)
    answers = done.stdout.decode().split("\n")[:-1]
    if len(answers) != len(documents):
        sys.exit(f"json_compare: {len(documents)} documents, {len(answers)} answers")
    for document, answer in zip(documents, answers):
        try:
            same = normal(document, by_yaml) == normal(answer, by_yaml)
        except ValueError:
            same = False
        if not same:
            sys.exit(f"json_compare: differs\n  given:  {document!r}\n  answer: {answer!r}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--yaml", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    sys.setrecursionlimit(10000)
    maker = Maker(options.seed)
    size = 0
    for first in range(0, options.count, BATCH):
        documents = [maker.document() for _ in range(min(BATCH, options.count - first))]
        size += sum(map(len, documents))
        compare(documents, options.command + (["yaml"] if options.yaml else []), options.yaml)
    print(f"json_compare: {options.count} documents{' by way of YAML' if options.yaml else ''}, "
          f"{size / 1e6:.1f} million characters: all the same")


if __name__ == "__main__":
    main()

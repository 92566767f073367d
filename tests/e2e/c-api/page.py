"""Runs the programs of docs/c-api.md, as they stand there, on an artifact with one input and one output.

usage: page.py ARTIFACT [RTOL]
The page's model is called `digits`; its name is replaced by the artifact's. The golden input goes in, and
what comes out is compared with the golden output; all languages must give the same bytes."""

import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
FORMATS = {"f32": "f", "f64": "d", "f16": "e", "bool": "?", "i8": "b", "u8": "B", "i4": "b", "u4": "B", "i16": "h",
           "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q"}


def examples(identifier):
    text = (ROOT / "docs/c-api.md").read_text()
    found = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", text, re.S))
    return {name: code.replace("digits", identifier).replace("DIGITS", identifier.upper()) for name, code in found.items()}


def npy_data(path):
    content = path.read_bytes()
    return content[10 + struct.unpack("<H", content[8:10])[0]:]


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    rtol = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    manifest = json.loads((folder / "manifest.json").read_text())
    identifier = manifest["identifier"]
    expected = npy_data(folder / manifest["golden"]["outputs"][0])
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for name, code in examples(identifier).items():
            (scratch / name).write_text(code)
        (scratch / "input.bin").write_bytes(npy_data(folder / manifest["golden"]["inputs"][0]))
        warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-sign-compare"]
        weights = folder / f"{identifier}.weights"

        def call(label, command):
            subprocess.run([str(part) for part in command] + ["input.bin", f"{label}.bin"], cwd=scratch, check=True)
            return label, (scratch / f"{label}.bin").read_bytes()

        def build(*command):
            subprocess.run([str(part) for part in command], cwd=scratch, check=True)

        build("cc", "-std=gnu11", *warnings, "-I", folder, "program.c", folder / f"{identifier}.o", "-o", "static")
        build("cc", "-std=gnu11", *warnings, "-I", folder, "program.c", folder / f"{identifier}.so",
              f"-Wl,-rpath,{folder}", "-o", "shared")
        results = [call("c-static", ["./static", weights]), call("c-shared", ["./shared", weights]),
                   call("python", [sys.executable, "script.py", folder])]
        if shutil.which("rustc"):
            build("rustc", "-O", "program.rs", "-C", f"link-arg={folder}/{identifier}.o", "-o", "rust")
            results.append(call("rust", ["./rust", weights]))

    output = manifest["outputs"][0]
    code = FORMATS[output["dtype"]]
    for label, result in results:
        assert result == results[0][1], f"{label} differs from {results[0][0]}"
        pairs = zip(struct.iter_unpack("<" + code, result), struct.iter_unpack("<" + code, expected))
        assert len(result) == len(expected), f"{label}: {len(result)} bytes"
        largest = max(abs(e) for (e,) in struct.iter_unpack("<" + code, expected)) if expected else 0
        assert all(abs(a - b) <= rtol * largest for (a,), (b,) in pairs), f"{label} differs from the golden output"
        print(f"{label}: {len(result)} bytes, as expected")


if __name__ == "__main__":
    main()

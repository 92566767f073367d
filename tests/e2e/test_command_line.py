"""The command line itself: help as golden text, exit codes, -o rules, --json, bad options. The models
are written here. The golden texts in help/ are rewritten by tools/dev/update_help."""

import json
import os
import signal
import subprocess
import time

import command
import tensors
import tiny_model

HELP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "help")
VERBS = ["inspect", "compile", "run", "bench", "compare", "evaluate", "calibrate", "explain", "recipes"]
DONE, REJECTED, USAGE, GATE, FILE, INTERRUPTED = 0, 1, 2, 3, 4, 130

expectations = command.Expectations()
problems, check, expect = expectations.problems, expectations.check, expectations.expect


def helps():
    yield "fettle", command.fettle().stdout
    for verb in VERBS:
        yield verb, command.fettle(verb, "--help").stdout


def check_help():
    for name, text in helps():
        path = os.path.join(HELP, name + ".txt")
        if not os.path.exists(path) or open(path).read() != text:
            problems.append(f"help of {name} differs from {path}; if that is meant: tools/dev/update_help")


def check_usage(model):
    expect(USAGE, "compil", says=["no verb 'compil'", "did you mean 'compile'?"])
    expect(USAGE, "frobnicate", says=["there are: inspect"])
    expect(USAGE, "compile", model, "--ouput", "x", says=["no option '--ouput'", "--output"])
    expect(USAGE, "compile", says=["MODEL"])
    expect(USAGE, "compile", model, says=["-o DIR"])
    expect(USAGE, "compile", model, "-o", "x", "--target", "cpu:x86-64-v9", says=["cpu:x86-64-v"])
    expect(USAGE, "compile", model, "-o", "x", "--recipe", "flaot", says=["did you mean 'float'?"])
    expect(USAGE, "compile", model, "-o", "x", "--recipe", "int8", says=["measures the model", "--calibration"])
    expect(USAGE, "compile", model, "-o", "x", "--set", "precison=float", says=["did you mean 'precision'?"])
    expect(USAGE, "compile", model, "-o", "x", "--set", "golden.seed=many", says=["golden.seed"])
    expect(USAGE, "compile", model, "-o", "x", "--calibration", "c.npz", says=["--calibration has no use"])
    expect(USAGE, "compile", model, "-o", "x", "--max-drop", "1%", says=["--evaluation"])
    expect(USAGE, "compile", model, "-o", "x", "--evaluation", "e.npz", "--max-drop", "much", says=["percentage"])
    expect(USAGE, "compile", model, "--until", "kernel", says=["did you mean 'kernels'?"])
    expect(USAGE, "compile", model, "-o", "x", "--dim", "N", says=["--dim takes NAME=VALUE"])
    expect(USAGE, "compile", model, "-o", "x", "--dim", "N=-1", says=["not a size"])
    expect(USAGE, "compile", model, "-o", "x", "--dim", "N=1", "--dim", "N=2", says=["twice"])
    expect(USAGE, "compile", model, "-o", "x", "--shape", "x=1xx3", says=["not a shape"])
    expect(USAGE, "compile", model, "-o", "x", "-j", "0")
    expect(USAGE, "recipes", "floot", says=["did you mean 'float'?"])


def check_models(model, folder):
    out = os.path.join(folder, "out")
    expect(REJECTED, "compile", model, "-o", out, says=["N", "--dim"])
    check(not os.path.exists(out), "a rejected model leaves an artifact")
    expect(FILE, "compile", os.path.join(folder, "none.onnx"), "-o", out, says=["none.onnx"])
    expect(REJECTED, "compile", model, "-o", out, "--dim", "N=1", "--dim", "M=3", says=["M"])
    expect(REJECTED, "compile", model, "-o", out, "--dim", "N=8000000000", says=["the inputs of one call take", "--dim"])
    for name, content in {"empty.onnx": b"", "text.onnx": b"this is no model\n" * 9}.items():
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(content)
        done = command.fettle("compile", path, "-o", out)
        check(done.returncode in (REJECTED, FILE), f"{name}: exit status {done.returncode}\n{done.stderr}")


def check_output_rules(model, folder):
    out, bind = os.path.join(folder, "artifact"), ["--dim", "N=1"]
    expect(DONE, "compile", model, "-o", out, *bind, "--name", "first")
    expect(DONE, "compile", model, "-o", out, *bind, "--name", "second")
    check(os.path.exists(os.path.join(out, "second.h")) and not os.path.exists(os.path.join(out, "first.h")),
          "an artifact is not replaced as a whole")
    taken = os.path.join(folder, "taken")
    os.mkdir(taken)
    with open(os.path.join(taken, "diary.txt"), "w") as file:
        file.write("dear diary")
    expect(FILE, "compile", model, "-o", taken, *bind, says=["not an artifact"])
    expect(FILE, "compile", model, "-o", os.path.join(taken, "diary.txt"), *bind, says=["not a folder"])
    check(os.listdir(taken) == ["diary.txt"], "a folder that is no artifact was changed")
    expect(FILE, "compile", model, "-o", os.path.join(taken, "diary.txt", "deep", "out"), *bind, says=["diary.txt"])
    expect(DONE, "compile", model, "-o", os.path.join(folder, "new", "place", "out"), *bind)
    os.mkdir(os.path.join(folder, "empty"))
    expect(DONE, "compile", model, "-o", os.path.join(folder, "empty"), *bind)
    expect(FILE, "inspect", taken, says=["manifest.json"])
    left = [name for name in os.listdir(folder) if ".partial" in name]
    check(not left, f"left behind: {left}")
    return out


def check_json(model, artifact, folder):
    for arguments in (["inspect", artifact], ["inspect", model], ["explain", artifact], ["recipes"],
                      ["bench", artifact, "--seconds", "0.01", "--kernels"], ["compare", artifact, model]):
        done = command.fettle(*arguments, "--json", "-")
        try:
            check(json.loads(done.stdout)["schema_version"] == 1, f"{arguments}: schema_version is not 1")
        except ValueError:
            problems.append(f"{arguments}: standard output is not JSON alone:\n{done.stdout[:200]}")
    facts = command.fettle_json("inspect", model)
    for key in ("nodes", "opsets", "macs", "parameters", "inputs", "unsupported"):
        check(key in facts, f"inspect MODEL: no '{key}'")
    facts = command.fettle_json("inspect", artifact)
    for key in ("target", "macs", "macs_by_precision", "kernels", "weights_bytes", "arena_bytes", "specializations"):
        check(key in facts, f"inspect DIR: no '{key}'")
    facts = command.fettle_json("bench", artifact, "--seconds", "0.01")
    for key in ("threads", "calls", "latency_us", "first_call_us", "load_us", "rss_bytes", "arena_bytes", "weights_bytes"):
        check(key in facts, f"bench: no '{key}'")
    check(sorted(facts["latency_us"]) == ["median", "min", "p90", "p99"], "bench: latency_us")
    path = os.path.join(folder, "facts.json")
    expect(DONE, "inspect", artifact, "--json", path)
    check(json.load(open(path))["schema_version"] == 1, "--json FILE")
    expect(FILE, "inspect", artifact, "--json", os.path.join(folder, "no", "such.json"))
    report = command.report_of(artifact)
    check(report["schema_version"] == 1 and report["phases"], "report.json")


def check_runs(model, artifact, folder):
    data, out = os.path.join(folder, "data.npz"), os.path.join(folder, "out.npz")
    rows = [[float(i * 7 % 5 - 2) for i in range(row, row + 4)] for row in range(6)]
    flat = [value for row in rows for value in row]
    labels = [max(range(4), key=row.__getitem__) for row in rows]
    tensors.write_npz(data, {"x": tensors.from_values("<f4", (6, 4), flat), "labels": tensors.from_values("<i8", (6,), labels)})
    expect(DONE, "run", artifact, "--data", data, "--output", out)
    result = tensors.read_npz(out)["y"]
    check(tuple(result.shape) == (6, 1, 4), f"run --data: shape {result.shape}")
    expect(USAGE, "run", artifact, "--output", out, says=["no data for input 'x'"])
    expect(USAGE, "run", artifact, "--input", "z=a.npy", "--output", out, says=["no input 'z'"])
    expect(FILE, "run", artifact, "--input", "x=a.npy", "--output", out, says=["a.npy"])
    wrong, unmade = os.path.join(folder, "wrong.npz"), ["compile", model, "--dim", "N=1", "-o", os.path.join(folder, "unmade")]
    tensors.write_npz(wrong, {"z": tensors.from_values("<f4", (6, 4), flat), "labels": tensors.from_values("<i8", (6,), labels)})
    for verb in (["evaluate", artifact], ["run", artifact, "--output", out, "--data"], [*unmade, "--evaluation"], [*unmade, "--recipe", "int8", "--calibration"]):
        expect(REJECTED, *verb, wrong, says=["there is no array 'x' (float32[1, 4])"])
        expect(FILE, *verb, model, says=["not a readable .npz file"])
    check(not os.path.exists(unmade[-1]), "data that do not fit leave an artifact")
    facts = command.fettle_json("evaluate", artifact, data, "--teacher", model)
    check(facts["samples"] == 6 and facts["agreement"] == 100 and facts["teacher_top1"] == facts["top1"], f"evaluate: {facts}")
    check(command.fettle_json("evaluate", artifact, data)["agreement"] is None, "evaluate without teacher")
    expect(DONE, "compare", artifact, model, "--random", "3")
    other = os.path.join(folder, "other.onnx")
    tiny_model.write(other, scale=-1.0)
    expect(GATE, "compare", artifact, other, "--data", data)
    expect(DONE, "compare", artifact, other, "--data", data, "--atol", "100")
    gated = os.path.join(folder, "gated")
    expect(DONE, "compile", model, "-o", gated, "--dim", "N=1", "--evaluation", data, "--max-drop", "1%")
    check(command.report_of(gated)["accuracy"]["passed"] is True, "report of a passed gate")
    expect(DONE, "explain", artifact, "relu")
    expect(USAGE, "explain", artifact, "rely", says=["relu"])


def check_phases(model, folder):
    done = expect(DONE, "compile", model, "--dim", "N=1", "--until", "import")
    check("nn.unary" in done.stdout, "--until prints no IR")
    dumps = os.path.join(folder, "dumps")
    expect(DONE, "compile", model, "--dim", "N=1", "-o", os.path.join(folder, "dumped"), "--dump-ir", dumps)
    check(sorted(os.listdir(dumps))[0] == "01-import.mlir", f"--dump-ir: {sorted(os.listdir(dumps))}")


def wait_for_main(pid):
    """Until the process takes its signals itself: on a busy machine loading it takes a while."""
    for _ in range(1000):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            blocked = next(line.split()[1] for line in file if line.startswith("SigBlk"))
        if int(blocked, 16) >> (signal.SIGINT - 1) & 1:
            return
        time.sleep(0.01)


def check_interrupt(model, folder):
    """SIGINT ends with 130 and leaves nothing, whenever it comes."""
    out = os.path.join(folder, "interrupted")
    for delay in (0.02, 0.1, 0.3):
        process = subprocess.Popen([os.environ["FETTLE"], "bench", model, "--dim", "N=1", "--seconds", "30"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "TMPDIR": folder})
        wait_for_main(process.pid)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        check(process.wait(timeout=30) == INTERRUPTED, f"interrupted after {delay} s: exit status {process.returncode}")
    left = [name for name in os.listdir(folder) if name.startswith("fettle-") or ".partial" in name]
    check(not left and not os.path.exists(out), f"an interrupt leaves {left}")


def main():
    check_help()
    with command.scratch() as folder:
        model = os.path.join(folder, "tiny.onnx")
        tiny_model.write(model, scale=1.0)
        check_usage(model)
        check_models(model, folder)
        artifact = check_output_rules(model, folder)
        check_json(model, artifact, folder)
        check_runs(model, artifact, folder)
        check_phases(model, folder)
        check_interrupt(model, folder)
    command.finish(problems)


if __name__ == "__main__":
    main()

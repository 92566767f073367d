"""`--max-drop` puts layers back to float until the budget holds, says which, and fails where it may not. `budget.latency=measured`
leaves those in float that are slower in 8 bits."""

import filecmp
import json
import os
import random
import struct

import command
import datasets
import tensors
import tiny_model as onnx

DONE, REJECTED, USAGE, GATE, FILE = 0, 1, 2, 3, 4
WIDTH, CLASSES = 16, 8

problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def tensor(name, shape, values):
    dims = b"".join(onnx.field(1, size) for size in shape)
    return onnx.field(5, dims + onnx.field(2, onnx.FLOAT) + onnx.field(8, name) + onnx.field(9, struct.pack(f"<{len(values)}f", *values)))


def value_info(name, shape):
    dims = b"".join(onnx.field(1, onnx.field(1, size)) for size in shape)
    return onnx.field(1, name) + onnx.field(2, onnx.field(1, onnx.field(1, onnx.FLOAT) + onnx.field(2, dims)))


def write_model(path, first, second):
    """y = relu(x first) second for matrices of WIDTH x 4 WIDTH and 4 WIDTH x CLASSES."""
    nodes = [("first", "MatMul", ["x", "a"], ["hidden"]), ("relu", "Relu", ["hidden"], ["positive"]),
             ("second", "MatMul", ["positive", "b"], ["y"])]
    graph = (b"".join(onnx.field(1, onnx.node(*node)) for node in nodes) + onnx.field(2, "two layers")
             + tensor("a", (WIDTH, 4 * WIDTH), first) + tensor("b", (4 * WIDTH, CLASSES), second)
             + onnx.field(11, value_info("x", (1, WIDTH))) + onnx.field(12, value_info("y", (1, CLASSES))))
    with open(path, "wb") as file:
        file.write(onnx.field(1, 8) + onnx.field(7, graph) + onnx.field(8, onnx.field(2, 13)))


def write_samples(path, count, rows):
    flat = [value for _ in range(count) for value in rows()]
    tensors.write_npz(path, {"x": tensors.from_values("<f4", (count, WIDTH), flat)})


def compile_model(folder, name, *arguments):
    out = os.path.join(folder, name)
    done = command.fettle("compile", os.path.join(folder, "model.onnx"), "--recipe", "int8", "--calibration",
                          os.path.join(folder, "few.npz"), "--evaluation", os.path.join(folder, "many.npz"), *arguments, "-o", out)
    report = os.path.join(out, "report.json")
    if not os.path.exists(report):
        return done, None
    with open(report, encoding="utf-8") as file:
        return done, json.load(file)


def check_outlier(folder):
    """One input is a thousand times as large as the others and weighs next to nothing: its grid has no step for the others."""
    noise = random.Random(1)
    first = [noise.gauss(0, 1) * (1e-6 if i < 4 * WIDTH else 1) for i in range(WIDTH * 4 * WIDTH)]
    write_model(os.path.join(folder, "model.onnx"), first, [noise.gauss(0, 1) for _ in range(4 * WIDTH * CLASSES)])
    rows = lambda: [noise.gauss(0, 1000) if i == 0 else noise.gauss(0, 1) for i in range(WIDTH)]
    write_samples(os.path.join(folder, "few.npz"), 100, rows)
    write_samples(os.path.join(folder, "many.npz"), 400, rows)

    done, report = compile_model(folder, "forced", "--max-drop", "5%", "--set", "budget.integers=100")
    check(done.returncode == GATE and "with 0 of 2 layers in float" in done.stderr and "allowed are 5.00" in done.stderr, f"forced: exit status {done.returncode}\n{done.stderr}")
    check(report["accuracy"]["drop"] > 5 and not report["accuracy"]["passed"], f"forced: {report['accuracy']}")
    check([layer["precision"] for layer in report["layers"]] == ["int8", "int8"], f"forced: {report['layers']}")
    check(report["accuracy"]["before"] is None, f"nothing was taken back: {report['accuracy']}")

    # The first layer has two thirds of the multiply-adds.
    done, report = compile_model(folder, "two-thirds", "--max-drop", "5%")
    check(done.returncode == GATE, f"half in integers: exit status {done.returncode}\n{done.stderr}")
    done, report = compile_model(folder, "third", "--max-drop", "5%", "--set", "budget.integers=30")
    check(done.returncode == DONE and report["accuracy"]["passed"], f"reverted: exit status {done.returncode}\n{done.stderr}")
    layers = report["layers"]
    check([layer["precision"] for layer in layers] == ["float", "int8"], f"reverted: {layers}")
    check(layers[0]["sensitivity"] > layers[1]["sensitivity"] and layers[0]["sqnr_db"] > layers[1]["sqnr_db"] > 20
          and "1" in layers[0]["reason"] and layers[1]["reason"] is None, f"reverted: {layers}")
    with open(os.path.join(folder, "third", "report.html"), encoding="utf-8") as file:
        page = file.read()
        check("first: number 1 by sensitivity" in page and "before anything was taken back" in page and page.count("<svg") == 3,
              "report.html does not show what was reverted")
    told = command.fettle_json("explain", os.path.join(folder, "third"))
    check(told["layers"] == layers, f"explain tells other layers: {told.get('layers')}")
    done = command.fettle("explain", os.path.join(folder, "third"), "first")
    check("first: number 1 by sensitivity" in done.stdout and "number 1" not in command.fettle("explain", os.path.join(folder, "third"), "second").stdout,
          f"explain does not say why a layer is float: {done.stdout}")
    os.rename(os.path.join(folder, "third", "report.json"), os.path.join(folder, "report.json"))
    decided = command.fettle_json("explain", os.path.join(folder, "third"))["layers"]
    check([(layer["name"], layer["precision"]) for layer in decided] == [("first", "float"), ("second", "int8")] and "float_us" not in decided[0],
          f"what the manifest says of the layers: {decided}")
    before = report["accuracy"]["before"]
    check(before["drop"] > 5 > report["accuracy"]["drop"] and before["sqnr_db"] < report["accuracy"]["sqnr_db"], f"before and after: {report['accuracy']}")
    # What is reverted depends on nothing but the samples.
    again, other = compile_model(folder, "again", "--max-drop", "5%", "--set", "budget.integers=30", "-j", "1")
    untimed = lambda layers: [{key: value for key, value in layer.items() if not key.endswith("_us")} for layer in layers]
    check(again.returncode == DONE and untimed(other["layers"]) == untimed(layers), "the search ends differently the second time")


def check_slower(folder):
    """Layers are timed in both precisions; the decision is kept in a profile, and made no second time."""
    noise = random.Random(4)
    model, few, many = (os.path.join(folder, name) for name in ("model.onnx", "few.npz", "many.npz"))
    write_model(model, [noise.gauss(0, 1) for _ in range(WIDTH * 4 * WIDTH)], [noise.gauss(0, 1) for _ in range(4 * WIDTH * CLASSES)])
    for path in (few, many):
        write_samples(path, 50, lambda: [noise.gauss(0, 1) for _ in range(WIDTH)])
    done, report = compile_model(folder, "told")
    check(done.returncode == DONE and all(layer["float_us"] > 0 and layer["int8_us"] > 0 for layer in report["layers"]),
          f"times of layers beside an evaluation: {report['layers']}")
    profile, measured = os.path.join(folder, "profile.json"), ("--set", "budget.latency=measured")
    done = command.fettle("calibrate", model, few, "-o", profile, *measured)
    check(done.returncode == DONE, f"calibrate: exit status {done.returncode}\n{done.stderr}")
    with open(profile, encoding="utf-8") as file:
        known = json.load(file)
    times = known["latencies"]["cpu:native"]
    check(sorted(times) == ["first", "second"] and all(entry["int8_us"] > entry["float_us"] for entry in times.values() if entry["refused"]),
          f"times in the profile: {times}")

    def reuse(out, *arguments):
        done = command.fettle("compile", model, "--recipe", "int8", "--profile", profile, "--name", "net", *arguments, "-o", os.path.join(folder, out))
        check(done.returncode == DONE, f"{out}: exit status {done.returncode}\n{done.stderr}")
        with open(os.path.join(folder, out, "report.json"), encoding="utf-8") as file:
            return done.stdout, json.load(file)["layers"]

    times["first"] = {"float_us": 1.5, "int8_us": 2.25, "refused": True}
    times["second"] = {"float_us": 3, "int8_us": 1, "refused": False}
    with open(profile, "w", encoding="utf-8") as file:
        json.dump(known, file)
    text, layers = reuse("refused", *measured, "-j", "1")
    check([layer["precision"] for layer in layers] == ["float", "int8"] and layers[0]["int8_us"] == 2.25 and layers[1]["float_us"] == 3,
          f"a layer that is slower in 8 bits: {layers}")
    check("first stays in float: slower in 8 bits on cpu:native: 2.25 us, in float 1.50" in text, f"compile does not say why: {text}")
    reuse("again", *measured, "-j", "2")
    for suffix in (".so", ".weights"):
        check(filecmp.cmp(os.path.join(folder, "refused", "net" + suffix), os.path.join(folder, "again", "net" + suffix), shallow=False),
              f"one profile, two artifacts: net{suffix} differs")
    check([layer["precision"] for layer in reuse("any")[1]] == ["int8", "int8"], "layers are refused though nobody asked")

    del known["latencies"]
    with open(profile, "w", encoding="utf-8") as file:
        json.dump(known, file)
    out = os.path.join(folder, "unknown")
    for code, says, *arguments in ((REJECTED, "no times of layers", "--profile", profile),
                                   (USAGE, "cannot be timed", "--calibration", few, "--target", "onnx"),
                                   (USAGE, "this machine cannot", "--calibration", few, "--target", "cpu:aarch64")):
        done = command.fettle("compile", model, "--recipe", "int8", *arguments, *measured, "-o", out)
        check(done.returncode == code and says in done.stderr, f"{arguments}: exit status {done.returncode}, expected {code}\n{done.stderr}")


def check_bad_evaluation(folder):
    """Samples that nothing can be measured on are refused, and the message says why."""
    noise = random.Random(3)
    write_model(os.path.join(folder, "model.onnx"), [noise.gauss(0, 1) for _ in range(WIDTH * 4 * WIDTH)],
                [noise.gauss(0, 1) for _ in range(4 * WIDTH * CLASSES)])
    few, many = os.path.join(folder, "few.npz"), os.path.join(folder, "many.npz")
    write_samples(few, 20, lambda: [noise.gauss(0, 1) for _ in range(WIDTH)])
    write_samples(many, 3, lambda: [float("nan")] + [0.0] * (WIDTH - 1))
    done, _ = compile_model(folder, "nan", "--max-drop", "5%")
    check(done.returncode == REJECTED and "NaN or infinity in sample 0" in done.stderr and done.stderr.count("error:") == 1,
          f"NaN: exit status {done.returncode}\n{done.stderr}")
    with open(few, "rb") as whole, open(many, "wb") as half:
        half.write(whole.read()[:400])
    done, _ = compile_model(folder, "truncated", "--max-drop", "5%")
    check(done.returncode == FILE and "many.npz" in done.stderr and done.stderr.count("error:") == 1,
          f"truncated: exit status {done.returncode}\n{done.stderr}")


def check_dead_channels(folder):
    """Inputs that never change, hidden channels that are always zero, and outputs without weights are no error."""
    noise = random.Random(2)
    first = [0.0 if i % (4 * WIDTH) == 3 else -9.0 if i % (4 * WIDTH) == 4 and i < 4 * WIDTH else noise.gauss(0, 0.1)
             for i in range(WIDTH * 4 * WIDTH)]
    second = [0.0 if i % CLASSES == 5 else noise.gauss(0, 1) for i in range(4 * WIDTH * CLASSES)]
    write_model(os.path.join(folder, "model.onnx"), first, second)
    rows = lambda: [5.0, 0.0] + [noise.gauss(0, 1) for _ in range(WIDTH - 2)]
    write_samples(os.path.join(folder, "few.npz"), 100, rows)
    write_samples(os.path.join(folder, "many.npz"), 400, rows)
    done, report = compile_model(folder, "dead", "--max-drop", "5%")
    check(done.returncode == DONE and report["accuracy"]["sqnr_db"] > 25, f"dead channels: {done.returncode} {report['accuracy']}\n{done.stderr}")
    check([layer["precision"] for layer in report["layers"]] == ["int8", "int8"], f"dead channels: {report['layers']}")


def check_real_networks(folder):
    """Half a point is kept with all layers in 8 bits; an even smaller drop takes a search."""
    shared = os.environ.get("FETTLE_SHARED", "")
    if not os.path.isdir(os.path.join(shared, "models")):
        print("no real networks here: only made ones are tested")
        return
    few, many = os.path.join(folder, "few.npz"), os.path.join(folder, "many.npz")
    for model, allowed in (("resnet8-cifar10", "0.5"), ("vit-cifar10", "0.5"), ("resnet8-cifar10", "0.1")):
        datasets.write_set(shared, model, many)
        arrays = tensors.read_npz(many)
        images = arrays["input"]
        size = len(images.data) // images.shape[0]
        tensors.write_npz(few, {"input": tensors.Tensor("<f4", (200, *images.shape[1:]), bytes(images.data[:200 * size]))})
        out = os.path.join(folder, model)
        done = command.fettle("compile", *datasets.network_arguments(shared, model), "--recipe", "int8", "--calibration", few,
                              "--evaluation", many, "--max-drop", allowed + "%", "-o", out)
        report = command.report_of(out)
        reverted = sum(layer["precision"] == "float" for layer in report["layers"])
        print(f"{model}: drop {report['accuracy']['drop']:.3f} points, {allowed} allowed, {reverted} layers in float", flush=True)
        check(done.returncode == DONE and report["accuracy"]["drop"] <= float(allowed),
              f"{model}: exit status {done.returncode}, {report['accuracy']}\n{done.stderr}")
        check(allowed != "0.5" or reverted == 0, f"{model}: {reverted} layers were reverted for {allowed} points")


def main():
    for part in (check_outlier, check_slower, check_dead_channels, check_bad_evaluation, check_real_networks):
        with command.scratch() as folder:
            part(folder)
    command.finish(problems)


if __name__ == "__main__":
    main()

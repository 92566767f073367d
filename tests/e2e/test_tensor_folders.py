"""Folders of serialized tensors as samples: the shipped data in ONNX's layout are the same samples as in .npz files to every verb;
one message for each kind of bad folder."""

import filecmp
import os

import command
import tensors
import tiny_model

FOLDER = os.path.join(command.ROOT, "test_models")
MODEL = os.path.join(FOLDER, "digits_cnn", "model.onnx")
BOUND = ["--dim", "batch=1"]
CALIBRATION = os.path.join(FOLDER, "data", "images_calibration.npz")
REJECTED, FILE = 1, 4

expectations = command.Expectations()


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def write_data_sets(folder, images, size):
    """`size` images to a data set."""
    for i in range(0, len(images), size):
        part = images[i:i + size]
        batch = tensors.Tensor(part[0].kind, (len(part), *part[0].shape), b"".join(image.data for image in part))
        data_set = os.path.join(folder, f"test_data_set_{i // size}")
        write(data_set, "input_0.pb", tensors.serialize_tensor("image", batch))
        write(data_set, "output_0.pb", b"no tensor")


def check_same_samples(scratch):
    folder = os.path.join(scratch, "samples")
    write_data_sets(folder, tensors.read_npz(CALIBRATION)["image"].rows(), 7)
    outputs = [os.path.join(scratch, name) for name in ("folder.npz", "file.npz")]
    for samples, output in zip((folder, CALIBRATION), outputs):
        expectations.expect(0, "run", MODEL, *BOUND, "--data", samples, "-o", output)
    expectations.check(filecmp.cmp(*outputs, shallow=False), "outputs on the folder are not those on the .npz file")
    artifacts = [os.path.join(scratch, name, "digits") for name in ("a", "b")]
    for artifact, samples in zip(artifacts, (folder, CALIBRATION)):
        os.makedirs(os.path.dirname(artifact))
        expectations.expect(0, "compile", MODEL, *BOUND, "--recipe", "int8", "--calibration", samples, "--evaluation", samples, "-o", artifact)
    for name in sorted(os.listdir(artifacts[0])):
        if not name.startswith("report.") and name != "golden":
            expectations.check(filecmp.cmp(*(os.path.join(artifact, name) for artifact in artifacts), shallow=False),
                               f"int8 from the folder is not int8 from the .npz file in {name}")
    facts = [command.fettle_json("evaluate", artifacts[0], samples, "--teacher", MODEL) for samples in (folder, CALIBRATION)]
    expectations.check(facts[0] == facts[1], f"evaluate says {facts[0]} on the folder and {facts[1]} on the .npz file")
    expectations.check(facts[0]["top1"] is None, f"there are no labels, but evaluate says {facts[0]}")
    facts = [command.fettle_json("compare", artifacts[0], MODEL, "--atol", "1000", "--data", samples) for samples in (folder, CALIBRATION)]
    expectations.check(facts[0] == facts[1], f"compare says {facts[0]} on the folder and {facts[1]} on the .npz file")
    expectations.expect(0, "bench", artifacts[0], "--data", folder, "--seconds", "0.01")
    expectations.expect(0, "calibrate", MODEL, *BOUND, "--recipe", "int8", folder, "-o", os.path.join(scratch, "profile"))


def write_difference(path):
    """c = a - b, each float32[N, 4]."""
    graph = (tiny_model.field(1, tiny_model.node("sub", "Sub", ["a", "b"], ["c"])) + tiny_model.field(2, "two") +
             tiny_model.field(11, tiny_model.value_info("a")) + tiny_model.field(11, tiny_model.value_info("b")) +
             tiny_model.field(12, tiny_model.value_info("c")))
    with open(path, "wb") as file:
        file.write(tiny_model.field(1, 8) + tiny_model.field(7, graph) + tiny_model.field(8, tiny_model.field(2, 13)))


def row(*values):
    return tensors.from_values("<f4", (1, 4), values)


def check_names_and_numbers(scratch):
    model, output = os.path.join(scratch, "two.onnx"), os.path.join(scratch, "out.npz")
    write_difference(model)
    large, small = row(5, 6, 7, 8), row(1, 2, 3, 5)
    for names, sign in ((("", ""), 1), (("a", "b"), 1), (("b", "a"), -1), (("x", "y"), 1)):
        folder = os.path.join(scratch, "samples")
        write(folder, "input_0.pb", tensors.serialize_tensor(names[0], large))
        write(folder, "input_1.pb", tensors.serialize_tensor(names[1], small))
        expectations.expect(0, "run", model, "--dim", "N=1", "--data", folder, "-o", output)
        values = list(tensors.read_npz(output)["c"].values())
        expectations.check(values == [sign * 4, sign * 4, sign * 4, sign * 3], f"tensors named {names} give {values}")


def check_mistakes(scratch):
    image = tensors.read_npz(CALIBRATION)["image"].rows()[0]
    good = tensors.serialize_tensor("image", tensors.Tensor(image.kind, (1, *image.shape), image.data))

    def evaluate(name, code, says, data):
        folder = os.path.join(scratch, name)
        write(os.path.join(folder, "test_data_set_0"), "input_0.pb", good)
        write(os.path.join(folder, "test_data_set_1"), "input_0.pb", data)
        expectations.expect(code, "evaluate", MODEL, *BOUND, folder, says=says)

    def like(kind="<f4", shape=None, data=image.data):
        return tensors.serialize_tensor("image", tensors.Tensor(kind, shape or (1, *image.shape), data))

    evaluate("good", 0, [], good)
    evaluate("damaged", FILE, [os.path.join("test_data_set_1", "input_0.pb")], good[:-9])
    evaluate("text", FILE, [os.path.join("test_data_set_1", "input_0.pb")], b"a text")
    evaluate("shape", REJECTED, ["test_data_set_1: array 'image' is float32[1, 8, 8, 1], the input is float32[1, 1, 8, 8]"], like(shape=(1, 8, 8, 1)))
    evaluate("kind", REJECTED, ["test_data_set_1: array 'image' is int32[1, 1, 8, 8], the input is"], like(kind="<i4"))
    evaluate("nan", REJECTED, ["array 'image' holds NaN or infinity in sample 1"], like(data=b"\0\0\xc0\x7f" + image.data[4:]))
    outside = (b"".join(tiny_model.field(1, extent) for extent in (1, 1, 8, 8)) + tiny_model.field(2, 1) +
               tiny_model.field(13, tiny_model.field(1, "location") + tiny_model.field(2, "../test_data_set_0/input_0.pb")) + tiny_model.field(14, 1))
    evaluate("outside", FILE, ["external data '../test_data_set_0/input_0.pb' leaves"], outside)

    def run(name, code, says):
        expectations.expect(code, "run", MODEL, *BOUND, "--data", os.path.join(scratch, name), "-o", os.path.join(scratch, "out.npz"), says=says)

    os.makedirs(os.path.join(scratch, "empty", "test_data_set_0"))
    run("empty", REJECTED, ["test_data_set_0: there is no array 'image' (float32[1, 1, 8, 8])", "input_N.pb"])
    write(os.path.join(scratch, "mixed"), "input_0.pb", good)
    os.makedirs(os.path.join(scratch, "mixed", "test_data_set_0"))
    run("mixed", FILE, ["holds tensors, and data sets"])
    os.makedirs(os.path.join(scratch, "linked"))
    os.symlink("nowhere", os.path.join(scratch, "linked", "input_0.pb"))
    run("linked", FILE, ["input_0.pb", "No such file"])
    os.makedirs(os.path.join(scratch, "nothing"))
    run("nothing", REJECTED, ["holds no samples", "test_data_set_0"])


command.run_parts(expectations, check_same_samples, check_names_and_numbers, check_mistakes)

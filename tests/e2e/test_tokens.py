"""What is told about removed tokens, by `compile` and `explain`, and why some stay."""

import filecmp
import json
import os

import command

FOLDER = os.path.join(command.ROOT, "test_models")
VIT = os.path.join(FOLDER, "digits_vit", "model.onnx")
DECODER = [os.path.join(FOLDER, "digits_decoder", "model.onnx"), "--dim", "batch=1", "--dim", "seq=16", "--name", "decoder"]
DONE, USAGE, FILE = 0, 2, 4

expectations = command.Expectations()
check, expect = expectations.check, expectations.expect


def report_of(artifact):
    with open(os.path.join(artifact, "report.json"), encoding="utf-8") as file:
        return json.load(file)


def check_removed(folder):
    """Two tokens go behind each attention but the last, behind which only the first one is read."""
    out = os.path.join(folder, "vit")
    done = expect(DONE, "compile", VIT, "--recipe", "tokens", "--set", "tokens.remove=2", "-o", out)
    for text in ("tokens merged by features, any of any, 2 rounds: 17 -> 11 tokens in 3 layers", "% of the multiply-adds"):
        check(text in done.stdout, f"compile does not say {text!r}, but\n{done.stdout}")
    tokens = report_of(out)["tokens"]
    counts = [(site["tokens_in"], site["tokens_out"]) for site in tokens["sites"]]
    check(counts == [(17, 15), (15, 13), (13, 11)], f"report.json: {counts}")
    check(0 < tokens["macs_after"] < tokens["macs_before"], f"report.json: {tokens}")

    done = expect(DONE, "explain", out)
    for site in tokens["sites"]:
        row = [str(site["tokens_in"]), str(site["tokens_out"]), "-", "-", site["name"]]
        check(row in [line.split() for line in done.stdout.splitlines()], f"explain has no row {row}:\n{done.stdout}")
    check(command.fettle_json("explain", out)["tokens"] == tokens, "explain --json and report.json differ")
    check("tokens" not in command.fettle_json("explain", out, tokens["sites"][0]["name"]), "tokens are told where a node is asked for")
    os.remove(os.path.join(out, "report.json"))
    kept = command.fettle_json("explain", out)["tokens"]
    check(kept["sites"] == [{key: site[key] for key in ("name", "tokens_in", "tokens_out")} for site in tokens["sites"]],
          f"without report.json: {kept}")
    with open(os.path.join(out, "report.json"), "w", encoding="utf-8") as file:
        file.write("{")
    expect(FILE, "explain", out, says=["report.json"])


def check_searched(folder):
    """A search measures what each layer's removals bring and cost; `explain` has it in a table."""
    out = os.path.join(folder, "searched")
    done = expect(DONE, "compile", VIT, "--recipe", "tokens", "--set", "tokens.macs=0.8", "--set", "tokens.metric=features", "--set",
                  "tokens.matching=global", "--calibration", os.path.join(FOLDER, "data", "images_calibration.npz"), "-o", out)
    tokens = report_of(out)["tokens"]
    share = 100 * tokens["macs_after"] / tokens["macs_before"]
    line = f"{share:.1f} % of the multiply-adds, {100 * tokens['latency_share']:.1f} % of the time, divergence {tokens['divergence']:.4f}"
    check(share <= 80 and line in done.stdout, f"compile does not say {line!r}, but\n{done.stdout}")
    done = expect(DONE, "explain", out)
    rows = [line.split() for line in done.stdout.splitlines()]
    lost = [site for site in tokens["sites"] if site["tokens_out"] < site["tokens_in"]]
    check(lost, f"no tokens went: {tokens}")
    for site in lost:
        row = [str(site["tokens_in"]), str(site["tokens_out"]), f"{site['saved_us']:.1f}", f"{site['divergence']:.5f}", site["name"]]
        check(row in rows, f"explain has no row {row}:\n{done.stdout}")


def check_refused(folder):
    """A causal decoder keeps its tokens, which is told; it is compiled as without the recipe."""
    plain, out = os.path.join(folder, "plain"), os.path.join(folder, "decoder")
    expect(DONE, "compile", *DECODER, "-o", plain)
    done = expect(DONE, "compile", *DECODER, "--recipe", "tokens", "--set", "tokens.remove=2", "-o", out)
    for text in ("no tokens were merged: ", "is causal: a token must not take part in others before it"):
        check(text in done.stdout, f"compile does not say {text!r}, but\n{done.stdout}")
    for suffix in (".so", ".o", ".weights", ".h"):
        check(filecmp.cmp(os.path.join(plain, "decoder" + suffix), os.path.join(out, "decoder" + suffix), shallow=False),
              f"decoder{suffix} is not that of the float model")
    done = expect(DONE, "explain", out)
    check("tokens stay: " in done.stdout and "is causal" in done.stdout, f"explain does not say why tokens stay:\n{done.stdout}")
    check("tokens" not in command.fettle_json("explain", plain), "a recipe that removes no tokens tells about them")


def main():
    for part in (check_removed, check_searched, check_refused):
        with command.scratch() as folder:
            part(folder)
    command.finish(expectations.problems)


if __name__ == "__main__":
    main()

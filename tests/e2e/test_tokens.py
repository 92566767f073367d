"""What is told about removed tokens, by `compile` and `explain`, in report.html and in pictures, and why some stay."""

import filecmp
import os
import re
import xml.dom.minidom

import command
from digits_vit import CALIBRATION, EVALUATION, FOLDER, VIT

DECODER = [os.path.join(FOLDER, "digits_decoder", "model.onnx"), "--dim", "batch=1", "--dim", "seq=64", "--name", "decoder"]
DONE, REJECTED, USAGE, FILE = 0, 1, 2, 4

expectations = command.Expectations()
check, expect, report_of = expectations.check, expectations.expect, command.report_of


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
                  "tokens.matching=global", "--calibration", CALIBRATION, "--evaluation", EVALUATION, "-o", out)
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

    with open(os.path.join(out, "report.html"), encoding="utf-8") as file:
        page = file.read()
    section = page[page.index("<h2>Tokens</h2>"):]
    section = section[:section.index("<h2>", 4)]
    check(all(site["name"] in section and f"{site['tokens_in']} &rarr; {site['tokens_out']}" in section for site in tokens["sites"]),
          f"report.html does not tell the sites: {section}")
    front = tokens["front"]
    shares = [f"{100 * point['macs'] / tokens['macs_before']:.0f} %" for point in front]
    check(len(front) > 2 and section.count("<circle") == len(front) and all(f">{share}</text>" in section for share in shares),
          f"report.html has no plot of {shares}: {section}")
    check(section.count("font-weight=bold") == 1 and "top-1, %" in section, f"the plot does not mark the artifact: {section}")
    check("http" not in page and "<script" not in page, "report.html loads something")


def drawn_groups(svg):
    """For each panel of a picture, the numbers of patches that share a token; None stands for dropped ones."""
    groups = []
    for panel in xml.dom.minidom.parseString(svg).getElementsByTagName("g"):
        paths = [path for path in panel.getElementsByTagName("path") if path.getAttribute("class")]
        groups.append([(path.getAttribute("class"), path.getAttribute("d").count("M")) for path in paths])
    return groups


def check_pictures(folder):
    """A picture of each of the first samples, a panel for each layer; what shares a token adds up to what was removed."""
    out, drawn = os.path.join(folder, "out"), os.path.join(folder, "new", "pictures")
    removing = ["compile", VIT, "--recipe", "tokens", "--set", "tokens.remove=3", "-o", out, "--dump-tokens", drawn]
    expect(DONE, *removing, "--evaluation", EVALUATION, says=["16 pictures of tokens -> " + drawn])
    check(sorted(os.listdir(drawn)) == [f"{i:02}.svg" for i in range(16)], f"pictures: {sorted(os.listdir(drawn))}")
    sites = report_of(out)["tokens"]["sites"]
    pictures = []
    for name in sorted(os.listdir(drawn)):
        with open(os.path.join(drawn, name), encoding="utf-8") as file:
            pictures.append(file.read())
        groups = drawn_groups(pictures[-1])
        gone = [sum(count - 1 for _, count in panel) for panel in groups]
        check(gone == [0] + [17 - site["tokens_out"] for site in sites], f"{name}: {groups}")
        check(re.findall(r"http[^\"]*", pictures[-1]) == ["http://www.w3.org/2000/svg"], f"{name} loads something")
    check(len(set(pictures)) == len(pictures), "the pictures of different samples are equal")

    # The same without --evaluation, of other samples; then dropped patches.
    expect(DONE, *removing, "--calibration", CALIBRATION, says=["16 pictures of tokens"])
    with open(os.path.join(drawn, "00.svg"), encoding="utf-8") as file:
        check(file.read() != pictures[0], "--calibration is not drawn")
    expect(DONE, *removing, "--set", "tokens.method=drop", "--calibration", CALIBRATION)
    with open(os.path.join(drawn, "00.svg"), encoding="utf-8") as file:
        groups = drawn_groups(file.read())
    check(groups == [[]] + [[("dropped", 17 - site["tokens_out"])] for site in report_of(out)["tokens"]["sites"]], f"dropped: {groups}")


def check_no_pictures(folder):
    """Tokens that are no patches are not drawn, which is no error; without samples or tokens that go it is one."""
    out, drawn = os.path.join(folder, "out"), os.path.join(folder, "pictures")
    asked = ["-o", out, "--dump-tokens", drawn]
    removing = ["--recipe", "tokens", "--set", "tokens.remove=1"]
    words = os.path.join(FOLDER, "data", "tokens_evaluation.npz")
    expect(DONE, "compile", *DECODER, *removing, *asked, "--evaluation", words, says=["no pictures of tokens: ", "is causal"])
    check(os.path.exists(os.path.join(out, "report.json")) and not os.path.exists(drawn), "no artifact, or pictures of words")
    expect(USAGE, "compile", VIT, *removing, *asked, says=["--dump-tokens draws samples", "--calibration C.npz, or --evaluation E.npz"])
    expect(USAGE, "compile", VIT, *asked, "--evaluation", EVALUATION, says=["recipe 'float' removes no tokens, so --dump-tokens has no use"])
    expect(USAGE, "compile", VIT, *removing, "--dump-tokens", drawn, "--until", "fuse", "--calibration", CALIBRATION, says=["comes before tokens are removed"])
    expect(FILE, "compile", VIT, *removing, *asked, "--calibration", os.path.join(folder, "none.npz"), says=["none.npz"])
    expect(REJECTED, "compile", VIT, *removing, *asked, "--calibration", words, says=["tokens_evaluation.npz"])
    with open(drawn, "w", encoding="utf-8"):
        pass
    expect(FILE, "compile", VIT, *removing, *asked, "--calibration", CALIBRATION, says=[drawn])


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


if __name__ == "__main__":
    command.run_parts(expectations, check_removed, check_searched, check_pictures, check_no_pictures, check_refused)

"""The explorer's server, and its page in Chromium."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys

from small_runs import carried_out

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MIXTURE = {"families": ["linear", "sinusoid"], "inputs": [-5.0, 5.0], "noise": 0.1}

TITLE = '</script><script>globalThis.broken = true</script> & <b>"quoted"</b>'
FILMED = {
    "changes": {"training.trajectory": 4}, "mixture": MIXTURE,
    "probes": [{"name": "convex", "count": 3}, {"name": "context-length"}],
}  # fmt: skip
NOISY = {"mixture": {**MIXTURE, "noise": 0.3}, "probes": [{"name": "convex", "count": 5}]}


def plain_run(folder):
    """A run whose title would break a page that took it for more than text."""
    return carried_out(folder, mixture=MIXTURE, title=TITLE)


def two_runs(folder):
    """One with weights along its training, and a noisier one."""
    return carried_out(folder, "one", **FILMED), carried_out(folder, "two", **NOISY)


TOKENS = {
    "title": TITLE,
    "mixture": {"families": [
        {"name": "sticky-chain", "vocabulary": 4, "strength": [0.5, 0.9]},
        {"name": "process-pool", "family": {"name": "unigram-source", "vocabulary": 4}, "size": 3},
    ]},
    "model": {"name": "transformer", "layers": 1, "heads": 2, "width": 16, "tokens": "sequence", "head": "softmax"},
    "changes": {"training.points": 16, "training.trajectory": 4, "evaluation.lengths": [4, 16]},
    "probes": [{"name": "kernel-sum", "count": 3}],
}  # fmt: skip


def token_run(folder):
    """A run on sequences of four tokens, with weights along its training."""
    return carried_out(folder, **TOKENS)


CURVE = """label => {
    const plot = Bokeh.documents[0].get_model_by_name("prompt");
    const item = plot.above.flatMap(each => each.items ?? []).find(each => each.label.value === label);
    const line = item.renderers[0];
    return Array.from(line.data_source.data[line.glyph.y.field]);
}"""
POINTS = """() => {
    const plot = Bokeh.documents[0].get_model_by_name("prompt");
    const dots = plot.renderers.find(each => "number" in each.data_source.data).data_source.data;
    return Array.from(dots.x).map((x, k) => [x, dots.y[k]]);
}"""
ATTENTION = """() => {
    const plot = Bokeh.documents[0].get_model_by_name("prompt");
    return Array.from(plot.renderers.find(each => "weight" in each.data_source.data).data_source.data.weight);
}"""
PIXEL = """([x, y]) => {
    const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("prompt"));
    const box = view.canvas_view.el.getBoundingClientRect();
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)];
}"""


@contextlib.contextmanager
def served(*folders, ended_by=signal.SIGINT):
    """The address of a server of runs, in a process of its own that a signal ends."""
    command = [sys.executable, "-m", "offprior", "explore", *map(str, folders), "--no-browser", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        said = []
        for line in server.stdout:
            said.append(line)
            if line.startswith("ready: "):
                break
        try:
            ready = re.search(r"http://localhost:\d+/", said[-1])
            assert ready, "".join(said)
            yield ready[0]
        finally:
            server.send_signal(ended_by)
            try:
                said, _ = server.communicate(timeout=60)
                assert server.returncode == 0 and said.endswith("ended\n"), said
            finally:
                server.kill()


class Opened:
    """A page whose first answers are there."""

    def __init__(self, page, address, label="model"):
        self.page, self.complaints = page, []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)
        page.wait_for_function(f"globalThis.Bokeh?.documents?.length > 0 && ({CURVE})('{label}').some(Number.isFinite)")

    def curve(self, label="model"):
        return self.page.evaluate(CURVE, label)

    def points(self):
        return self.page.evaluate(POINTS)

    def pixel(self, point):
        return self.page.evaluate(PIXEL, list(point))

    def attention(self):
        return self.page.evaluate(ATTENTION)

    def slide(self, name, key="ArrowRight"):
        """Press a key on the handle of a slider."""
        handle = self.page.evaluate_handle(
            """name => Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name))
                .shadow_el.querySelector(".noUi-handle")""",
            name,
        )
        handle.as_element().press(key)

    def until_changed(self, before, label="model"):
        self.page.wait_for_function(
            f"before => JSON.stringify(({CURVE})('{label}')) !== JSON.stringify(before)", arg=before, timeout=20_000
        )


@contextlib.contextmanager
def opening(browser, address):
    """A page that says nothing on the console."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    found = Opened(page, address)
    yield found
    assert found.complaints == []
    page.close()

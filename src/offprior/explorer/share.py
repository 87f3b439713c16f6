"""What is on screen as lines of Python, and the page's own scripts, for what Bokeh has no way."""

from pathlib import Path

from offprior.explorer.state import State
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.checkpoint import steps_kept

ADDRESS = 'history.replaceState(null, "", cb_obj.value ? "?" + cb_obj.value : location.pathname);'
"""Of a widget that holds the state: the browser's address follows it."""
COPY = "navigator.clipboard.writeText(text.value);"
DOWNLOAD = """
Bokeh.index.find_one(plot).export(kind).to_blob().then(blob => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "prompt." + kind;
    link.click();
    URL.revokeObjectURL(link.href);
});
"""


def as_python(folder: Path, model: Pretrained, state: State, low: float, high: float, places: int) -> str:
    """The lines that give the curves of the model, B and the classes again; `model` is the one that is shown."""
    x, y = ([round(point[axis], 6) for point in state.points] for axis in (0, 1))
    imports, after = "", ""
    if state.step and (kept := steps_kept(folder, model.seed)):
        step = min(kept, key=lambda one: abs(one - state.step))
        imports = "from pathlib import Path\n\n"
        after = f"model = at_step(Path({str(folder)!r}), model, {step}, model.label)\n"
    further = "from offprior.pretraining.checkpoint import at_step\n" if after else ""
    return f"""{imports}import numpy as np
import offprior as op
{further}
model = op.Run({str(folder)!r}).models()[{state.model}]
{after}x = np.asarray({x})
y = np.asarray({y})
at = np.linspace({low!r}, {high!r}, {places})
curve = model.predict(x[:, None], y, at[:, None])
bayes = op.Bayes(model.mixture)
exact = bayes.predict(x[:, None], y, at[:, None])
print(dict(zip(model.mixture.family_names, bayes.family_posterior(x[:, None], y))))
"""

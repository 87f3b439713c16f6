"""What is on screen as lines of Python, and the page's own scripts, for what Bokeh has no way."""

from offprior.explorer.state import State

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


def as_python(run: str, state: State, low: float, high: float, places: int) -> str:
    """The lines that give the curves of the model, B and the classes again."""
    x, y = ([round(point[axis], 6) for point in state.points] for axis in (0, 1))
    return f"""import numpy as np
import offprior as op

model = op.Run({run!r}).models()[{state.model}]
x = np.asarray({x})
y = np.asarray({y})
at = np.linspace({low!r}, {high!r}, {places})
curve = model.predict(x[:, None], y, at[:, None])
bayes = op.Bayes(model.mixture)
exact = bayes.predict(x[:, None], y, at[:, None])
print(dict(zip(model.mixture.family_names, bayes.family_posterior(x[:, None], y))))
"""

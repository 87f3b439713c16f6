"""The content of the screen as Python code, and the page's scripts for what Bokeh does not offer."""

import dataclasses
from collections.abc import Sequence

from offprior.explorer.judged_predictor import JudgedPredictor, Shown
from offprior.explorer.state import State

USUAL = {field.name: field.default for field in dataclasses.fields(State)}
NAMES = tuple(USUAL)
ADDRESS = 'history.replaceState(null, "", cb_obj.value ? "?" + cb_obj.value : location.pathname);'
"""JavaScript that keeps the browser's address equal to the widget that holds the state."""
COPY = """
const area = Bokeh.index.find_one(text).input_el;
if (navigator.clipboard) navigator.clipboard.writeText(text.value);
else { area.select(); document.execCommand("copy"); } // over http the clipboard is there for the loopback alone
"""
FILE = """
// A larger message would end the connection.
const input = Bokeh.index.find_one(file).input_el;
input.addEventListener("change", event => {
    const bytes = input.files.length > 0 ? input.files[0].size : 0;
    if (bytes > largest) {
        event.stopImmediatePropagation();
        input.value = "";
        message.text = `the file has ${bytes} bytes; at most ${largest} are allowed`;
    }
}, true);
"""
DOWNLOAD = """
Bokeh.index.find_one(plot).export(kind).to_blob().then(blob => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "prompt." + kind;
    link.click();
    URL.revokeObjectURL(link.href);
});
"""


def as_python(runs: Sequence[Shown], state: State) -> str:
    """Returns Python code that reproduces everything that a page of these runs shows for a state."""
    made = [run.code if isinstance(run, JudgedPredictor) else f"op.Run({str(run.folder)!r})" for run in runs]
    has_judged = any(isinstance(run, JudgedPredictor) for run in runs)
    further = "from offprior.explorer.judged_predictor import JudgedPredictor\n" if has_judged else ""
    first = "from offprior.adapters.declared import Declared\n" if any("Declared(" in each for each in made) else ""
    points = tuple((round(x, 6), round(y, 6)) for x, y in state.points)
    settings = [("points", points), *((name, getattr(state, name)) for name in NAMES if name != "points")]
    given = ",\n".join(f"    {name}={value!r}" for name, value in settings if name == "points" or value != USUAL[name])
    return f"""import offprior as op
{first}from offprior.explorer.answers import Answerer
{further}from offprior.explorer.state import State

answerer = Answerer({", ".join(made)})
state = State(
{given},
)
answers = answerer.with_panel(answerer.answer(state))
x = answerer.places
model, bands = answers.curves.get("model"), answers.bands
print(list(answers.curves), answers.probability, answers.errors)
"""

"""A page without a server, opened in a browser without a network."""

import re

import numpy as np

POINTS = "() => state.points"
CURVE = "label => answer.curves[label] ? Array.from(answer.curves[label]) : []"
PIXEL = """([x, y]) => {
    const box = plot.svg.getBoundingClientRect();
    return [box.left + plot.toX(x), box.top + plot.toY(y)];
}"""
IS_WHOLE = "() => asked > 0 && shownId === asked && (answer.whole === true || state.points.length === 0)"


class Opened:
    """The file in a browser without a network, its first answers there."""

    def __init__(self, browser, address, width=1400):
        self.context = browser.new_context(viewport={"width": width, "height": 1000})
        self.context.set_offline(True)
        self.page, self.complaints, self.requests = self.context.new_page(), [], []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.settled()

    def until(self, condition, *given):
        """Wait for it to be true; the page's own policy forbids what playwright waits with."""
        for _ in range(400):
            if self.page.evaluate(condition, *given):
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"it never became true: {condition}")

    def settled(self):
        self.until(IS_WHOLE)

    def points(self):
        return self.page.evaluate(POINTS)

    def curve(self, label="model"):
        return np.asarray(self.page.evaluate(CURVE, label))

    def pixel(self, point):
        return self.page.evaluate(PIXEL, point)

    def close(self):
        assert self.complaints == []
        assert self.requests and all(re.match("file:|blob:|data:", url) for url in self.requests)
        self.context.close()

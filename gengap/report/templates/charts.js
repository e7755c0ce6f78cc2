{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const NEAR = 24; // pixels from a mark to a pointer that means it

  // One box shows the value of the mark that the pointer or an arrow key has come to; screen readers say it.
  const box = document.createElement("div");
  box.className = "value";
  box.setAttribute("role", "status");
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  ring.setAttribute("class", "ring");
  ring.setAttribute("r", 7);
  const save = document.createElement("button");
  save.type = "button";
  save.className = "save";
  save.textContent = "Save SVG";
  document.body.append(box);

  // From a coordinate of a chart to a value, by its data-x or data-y: see gengap.report.scales.
  const backward = { linear: (x) => x, log: (x) => 10 ** x, symlog: (x) => (Math.abs(x) <= 1 ? x : Math.sign(x) * 10 ** (Math.abs(x) - 1)) };
  const forward = { linear: (x) => x, log: Math.log10, symlog: (x) => (Math.abs(x) <= 1 ? x : Math.sign(x) * (1 + Math.log10(Math.abs(x)))) };
  const inverse = (told) => {
    const [kind, ...numbers] = told.split(" ");
    const [low, high, start, end] = numbers.map(Number);
    const [from, to] = [low, high].map(forward[kind]);
    return (at) => backward[kind](from + ((at - start) / (end - start)) * (to - from));
  };
  const rounded = (x) => {
    const short = Number(x.toPrecision(3));
    return Math.abs(short) < 1e6 ? short.toLocaleString("en", { maximumSignificantDigits: 3 }) : short.toExponential().replace("e+", "e");
  };

  const whose = (mark) => {
    const of = (name) => mark.closest(`[data-${name}]`)?.dataset[name];
    const { runs } = mark.dataset;
    const who = runs ? (runs === "1" ? "one run" : `mean of ${runs} runs`) : of("seed") && `seed ${of("seed")}`;
    return [of("name") ?? of("method"), of("part"), who].filter(Boolean).join(", ");
  };

  // Every mark, and every point of a line, that no filter hides: where it is and what it says.
  const points = (svg) => {
    const { left, top, width } = svg.getBoundingClientRect();
    const unit = width / svg.viewBox.baseVal.width;
    const found = [];
    for (const mark of all("[data-value], polyline", svg)) {
      if (mark.closest("[data-hidden]")) continue;
      const group = mark.closest("[data-method], [data-part], .real") ?? svg;
      if (mark.dataset.value !== undefined) {
        const { left: x, top: y, width: w, height: h } = mark.getBoundingClientRect();
        found.push({ group, x: (x + w / 2 - left) / unit, y: (y + h / 2 - top) / unit, text: [whose(mark), mark.dataset.value].filter(Boolean).join(": ") });
      } else if (svg.dataset.x) {
        const [across, up, name] = [inverse(svg.dataset.x), inverse(svg.dataset.y), whose(mark)];
        for (const { x, y } of mark.points) found.push({ group, x, y, text: `${name}: ${rounded(up(y))} at ${rounded(across(x))} ${svg.dataset.unit}` });
      }
    }
    return found;
  };

  const hide = () => {
    box.textContent = "";
    ring.remove();
  };
  const show = (svg, { x, y, text }) => {
    const { left, top, width } = svg.getBoundingClientRect();
    const unit = width / svg.viewBox.baseVal.width;
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    if (ring.parentNode !== svg) svg.append(ring);
    if (box.textContent !== text) box.textContent = text;
    const above = top + y * unit - box.offsetHeight - 12;
    box.style.left = `${Math.max(4, Math.min(left + x * unit - box.offsetWidth / 2, document.documentElement.clientWidth - box.offsetWidth - 4))}px`;
    box.style.top = `${above > 4 ? above : top + y * unit + 14}px`;
  };

  // A copy of a chart as a file of its own, in the colours that it has here.
  const PROPERTIES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-dasharray", "opacity", "font", "display"];
  const file = (svg) => {
    const copy = svg.cloneNode(true);
    const [from, to] = [all("*", svg), all("*", copy)];
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      to[i].setAttribute("style", PROPERTIES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    });
    copy.querySelector(".ring")?.remove();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    for (const [name, value] of [["width", svg.viewBox.baseVal.width], ["height", svg.viewBox.baseVal.height]]) copy.setAttribute(name, value);
    return new Blob([copy.outerHTML], { type: "image/svg+xml" });
  };
  const offer = (svg) => {
    if (save.previousSibling === svg) return;
    svg.after(save);
    if (getComputedStyle(svg.parentElement).position === "static") svg.parentElement.style.position = "relative";
    save.setAttribute("aria-label", `Save SVG: ${svg.dataset.title}`);
    const [chart, parent] = [svg.getBoundingClientRect(), save.offsetParent.getBoundingClientRect()];
    save.style.left = `${chart.right - parent.left - save.offsetWidth}px`;
    save.style.top = `${chart.top - parent.top}px`;
  };
  const withdraw = ({ relatedTarget }) => {
    const stays = [relatedTarget, document.activeElement].some((one) => one && (one === save || one === save.previousSibling));
    if (!stays) save.remove();
  };
  save.addEventListener("pointerleave", withdraw);
  save.addEventListener("blur", ({ relatedTarget }) => relatedTarget !== save.previousSibling && save.remove());
  save.addEventListener("click", () => {
    const svg = save.previousSibling;
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file(svg)) });
    link.download = `${svg.dataset.title.replace(/[^\w]+/g, "-").slice(0, 60)}.svg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });

  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };
  for (const svg of all("svg.plot")) {
    const title = svg.querySelector("title"); // browsers show it over the chart
    svg.dataset.title = title.textContent;
    svg.setAttribute("aria-label", `${title.textContent}. Arrow keys walk through its values.`);
    title.remove();
    svg.setAttribute("role", "application"); // so that screen readers pass on the arrow keys
    svg.setAttribute("tabindex", 0);
    let [found, at] = [[], -1];
    const enter = () => ([found, at] = [points(svg), -1]);
    const point = (event) => {
      if (!found.length) enter();
      const { left, top, width } = svg.getBoundingClientRect();
      const unit = width / svg.viewBox.baseVal.width;
      const far = ({ x, y }) => Math.hypot(left + x * unit - event.clientX, top + y * unit - event.clientY);
      const nearest = found.reduce((best, one) => (far(one) < far(best) ? one : best), found[0]);
      if (nearest && far(nearest) < NEAR) {
        at = found.indexOf(nearest);
        show(svg, nearest);
      } else hide();
    };
    svg.addEventListener("pointerenter", () => (enter(), offer(svg)));
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", (event) => (hide(), withdraw(event)));
    svg.addEventListener("focus", () => (enter(), offer(svg)));
    svg.addEventListener("blur", ({ relatedTarget }) => (hide(), relatedTarget !== save && save.remove()));
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
      const step = steps[event.key];
      if (!(step || event.key === "Home" || event.key === "End") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!found.length) enter();
      if (!found.length) return;
      event.preventDefault();
      const group = found[at]?.group;
      const vertical = event.key === "ArrowUp" || event.key === "ArrowDown";
      const last = found.length - 1;
      if (event.key === "Home") at = 0;
      else if (event.key === "End") at = last;
      else do at = Math.max(0, Math.min(last, at + step));
      while (vertical && at > 0 && at < last && found[at].group === group);
      show(svg, found[at]);
    });
  }
}

"use strict";

{
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Sorts a table by a column: numbers as numbers, the rest as text; cells without a value stay last.
  const sort = (table, column, direction) => {
    const key = (row) => {
      const { dataset, textContent } = row.cells[column];
      return "last" in dataset ? undefined : (dataset.order ?? textContent);
    };
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      const numbers = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
      return direction * (numbers ? x - y : x.localeCompare(y, "en", { numeric: true }));
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(compare));
  };

  for (const button of all("thead button")) {
    button.addEventListener("click", () => {
      const heading = button.parentElement;
      const up = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(heading.closest("table"), heading.cellIndex, up ? 1 : -1);
    });
  }

  // Definitions appear beside a term while the pointer or the focus is on it.
  const tip = document.getElementById("tip");
  const define = (term) => {
    tip.textContent = document.getElementById(term.hash.slice(1)).textContent;
    tip.hidden = false;
    const { left, bottom, top } = term.getBoundingClientRect();
    const below = bottom + 8 + tip.offsetHeight < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${below ? bottom + 8 : top - tip.offsetHeight - 8}px`;
  };
  for (const term of all(".term")) {
    for (const event of ["pointerenter", "focus"]) term.addEventListener(event, () => define(term));
    for (const event of ["pointerleave", "blur"]) term.addEventListener(event, () => (tip.hidden = true));
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });

  // The filter hides what belongs to other data sets, families, methods or seeds.
  const form = document.getElementById("filter");
  const chosen = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  const filter = () => {
    const wanted = chosen();
    for (const name of ["section", "family", "method", "seed"]) {
      for (const element of all(`[data-${name}]`)) element.removeAttribute("data-hidden");
    }
    for (const [name, value] of Object.entries(wanted)) {
      for (const element of all(`[data-${name}]`)) {
        if (element.dataset[name] !== value) element.setAttribute("data-hidden", "");
      }
    }
    const values = Object.keys(wanted).map((name) => form.elements[name].selectedOptions[0].textContent);
    document.getElementById("filtered").textContent = values.length ? `: ${values.join(", ")}` : "";
  };

  // The fragment of the address keeps the place, the open sections and the filter: #PLACE;open=a,b;family=VAE.
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // typed by hand
    }
  };
  const parts = () => location.hash.slice(1).split(";").map(decoded); // names of methods may have any sign
  const restore = () => {
    const [place, ...fields] = parts();
    for (const field of fields) {
      const [name, value] = [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)];
      if (name === "open") value.split(",").forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
      else if (form.elements[name]) form.elements[name].value = value;
    }
    filter();
    const target = document.getElementById(place);
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    target?.scrollIntoView();
  };
  const initially = new Set(all("main details[open][id]"));
  const remember = () => {
    const open = all("main details[open][id]").filter((each) => !initially.has(each)).map((each) => each.id);
    const fields = Object.entries(chosen()).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    const state = [encodeURIComponent(parts()[0]), ...(open.length ? [`open=${open.join(",")}`] : []), ...fields];
    if (location.hash || state.some(Boolean)) history.replaceState(null, "", `#${state.join(";")}`);
  };
  form.addEventListener("change", () => (filter(), remember()));
  form.addEventListener("reset", () => setTimeout(() => (filter(), remember())));
  restore();
  addEventListener("hashchange", restore);
  for (const details of all("main details[id]")) details.addEventListener("toggle", remember);

  // Claims of one verdict.
  const chips = all("button.chip");
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      for (const other of chips) other.setAttribute("aria-pressed", String(other === chip));
      for (const card of all(".card")) card.toggleAttribute("data-hidden", Boolean(chip.dataset.verdict) && card.dataset.verdict !== chip.dataset.verdict);
      document.getElementById("all-claims").open = true;
    });
  }

  // On paper nothing is folded.
  addEventListener("beforeprint", () => {
    for (const details of all("details")) details.open = true;
  });
}

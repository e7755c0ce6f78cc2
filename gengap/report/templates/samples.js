{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Shows one picture of each method: of the chosen seed, or else of the first, and of the last step up to the chosen one.
  const nearest = (pictures, seed, step) => {
    const ofSeed = (wanted) => pictures.filter((one) => one.dataset.of === wanted);
    const candidates = ofSeed(seed).length ? ofSeed(seed) : ofSeed(pictures[0].dataset.of);
    candidates.sort((a, b) => a.dataset.at - b.dataset.at);
    const upTo = candidates.filter((one) => Number(one.dataset.at) <= step);
    return upTo.length ? upTo[upTo.length - 1] : candidates[0];
  };
  const choose = (form) => {
    const { of: seeds, at: slider } = form.elements;
    const steps = slider ? slider.dataset.steps.split(" ").map(Number) : [Infinity];
    const step = slider ? steps[slider.value] : Infinity;
    if (slider) {
      const words = `${step.toLocaleString("en")} updates`;
      slider.setAttribute("aria-valuetext", words);
      form.querySelector("output").textContent = words;
    }
    for (const figure of all("figure[data-method]", form.parentElement)) {
      const pictures = all("img", figure);
      const chosen = nearest(pictures, seeds ? seeds.value : pictures[0].dataset.of, step);
      for (const picture of pictures) picture.hidden = picture !== chosen;
      figure.querySelector("figcaption").textContent = chosen.dataset.caption;
    }
  };
  const filter = document.getElementById("filter");
  for (const form of all(".samples .choose")) {
    form.hidden = false;
    const slider = form.elements.at;
    if (slider) {
      const shown = all("figure[data-method] img:not([hidden])", form.parentElement).map((one) => Number(one.dataset.at));
      slider.value = slider.dataset.steps.split(" ").indexOf(String(Math.max(...shown)));
    }
    choose(form);
    form.addEventListener("input", () => choose(form));
    form.addEventListener("submit", (event) => event.preventDefault());
    // The seed that the page is filtered by is the seed of the pictures.
    const follow = () => {
      const wanted = filter?.elements.seed?.value;
      if (wanted && form.elements.of && all("option", form.elements.of).some((one) => one.value === wanted)) {
        form.elements.of.value = wanted;
        choose(form);
      }
    };
    filter?.addEventListener("change", follow);
    follow();
  }

  // A picture opens enlarged in a dialog, in which the arrow keys go to the pictures beside it.
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.innerHTML =
    '<div class="bar"><p aria-live="polite"></p><span><button type="button" data-by="-1">Previous</button> ' +
    '<button type="button" data-by="1">Next</button> <button type="button" data-close>Close</button></span></div>';
  document.body.append(dialog);
  const [words, large] = [dialog.querySelector("p"), new Image()];
  let current;
  const visible = (figure) => figure.querySelector("img:not([hidden])");
  const show = (figure) => {
    current = figure;
    const picture = visible(figure);
    const { naturalWidth: width, naturalHeight: height } = picture;
    const room = Math.min((innerWidth * 0.9) / width, (innerHeight * 0.75) / height);
    const scale = width < 400 ? Math.max(1, Math.floor(room)) : Math.min(1, room); // whole pixels of small pictures
    large.src = picture.src;
    large.alt = picture.alt;
    large.width = width * scale;
    large.height = height * scale;
    large.style.imageRendering = width < 400 ? "pixelated" : "auto";
    words.textContent = figure.querySelector("figcaption").textContent;
    dialog.setAttribute("aria-label", words.textContent);
    dialog.append(large);
  };
  const move = (by) => {
    const beside = all(".zoom", current.parentElement).filter((one) => one.offsetParent);
    show(beside[(beside.indexOf(current) + by + beside.length) % beside.length]);
  };
  for (const figure of all("figure.zoom")) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-haspopup", "dialog");
    button.title = "Enlarge";
    figure.prepend(button);
    button.append(...all("img", figure));
    button.addEventListener("click", () => {
      show(figure);
      dialog.showModal();
    });
  }
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || "close" in event.target.dataset) dialog.close();
    else if (event.target.dataset.by) move(Number(event.target.dataset.by));
  });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) move(by);
  });

  // Sliders move over the images of a plane of latents: one is shown large, and its place is marked on all of them.
  for (const area of all(".explorer")) {
    const form = area.querySelector("form");
    const [first, second] = [form.elements.first, form.elements.second];
    const edge = Number(first.max) + 1;
    form.hidden = false;
    area.classList.add("moving");
    area.style.setProperty("--edge", edge);
    const move = () => {
      area.style.setProperty("--column", first.value);
      area.style.setProperty("--row", edge - 1 - second.value);
      for (const slider of [first, second]) {
        const at = ((2 * slider.value) / (edge - 1) - 1) * slider.dataset.reach;
        const words = at.toFixed(1).replace("-", "\u2212");
        slider.setAttribute("aria-valuetext", words);
        slider.parentElement.nextElementSibling.textContent = words;
      }
    };
    for (const plane of all(".plane", area)) {
      const [at, map, picture] = [document.createElement("div"), document.createElement("div"), plane.querySelector("img")];
      const copy = picture.cloneNode();
      copy.alt = "";
      at.className = "at";
      map.className = "map";
      at.append(copy);
      map.append(picture);
      plane.append(at, map);
      const point = (event) => {
        if (event.type === "pointermove" && !event.buttons) return;
        const { left, top, width, height } = map.getBoundingClientRect();
        const cell = (x, size) => Math.max(0, Math.min(edge - 1, Math.floor((x * edge) / size)));
        first.value = cell(event.clientX - left, width);
        second.value = edge - 1 - cell(event.clientY - top, height);
        move();
      };
      for (const event of ["pointerdown", "pointermove"]) map.addEventListener(event, point);
      map.addEventListener("dragstart", (event) => event.preventDefault());
    }
    form.addEventListener("input", move);
    form.addEventListener("submit", (event) => event.preventDefault());
    move();
  }
}

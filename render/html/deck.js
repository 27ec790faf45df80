// Shows the steps of the deck one at a time. What appears when stands in #steps; nothing is fetched.
(() => {
  "use strict";
  const { steps, prefixes, counted } = JSON.parse(document.getElementById("steps").textContent);
  const slides = [...document.querySelectorAll(".slide")], notes = document.getElementById("notes");
  const help = document.getElementById("help"), pages = document.getElementById("pages");
  const find = (root, step, id) => root.querySelector("#" + CSS.escape(prefixes[step.part] + "-" + id));
  let now = 0;

  // Every element learns with which step it appears.
  steps.forEach((step, number) => step.shows.forEach(id => [id, id + "-label"].forEach(each => {
    const element = find(slides[step.part], step, each);
    if (!element) return;
    element.classList.add("el");
    element.classList.toggle("grad", each.endsWith("-grad"));
    element.dataset.at = number;
  })));

  // Makes a slide, the one on the screen or one to be printed, show a step.
  const draw = (root, number) => {
    const step = steps[number];
    ["forward", "backward", "update"].forEach(kind => root.classList.toggle(kind, kind === step.kind));
    root.querySelectorAll(".el").forEach(each => each.classList.toggle("on", each.dataset.at <= number));
    root.querySelectorAll(".lit").forEach(each => each.classList.remove("lit"));
    step.lit.forEach(id => find(root, step, id)?.classList.add("lit"));
    root.querySelectorAll(".updated").forEach(each => each.classList.remove("updated"));
    step.updated.forEach(id => find(root, step, id)?.classList.add("updated"));
    root.querySelector(".step span").textContent = counted.replace("{number}", number + 1) + " · ";
    root.querySelector(".step b").textContent = step.title;
    const facts = root.querySelector(".facts");
    facts.replaceChildren(...step.facts.map((words, index) => {
      const line = document.createElement("p");
      line.textContent = line.title = words;
      line.classList.toggle("rule", index === 0 && step.kind !== "forward");
      return line;
    }));
    root.querySelector(".bar i").style.width = 100 * (number + 1) / steps.length + "%";
    mark(root, step);
  };

  // Marks the lines that run and the lines that backward is about, and scrolls to them.
  const mark = (root, step) => {
    const inside = (place, list, line) => place && place[0] === list && place[1] <= line && line <= place[2];
    const shown = step.about || step.running;
    root.querySelectorAll(".code ol").forEach((list, index) => {
      const on = shown ? shown[0] === index : list.classList.contains("on");
      list.classList.toggle("on", on);
      list.querySelectorAll("li").forEach(line => {
        line.classList.toggle("running", !!inside(step.running, index, line.value));
        line.classList.toggle("about", !!inside(step.about, index, line.value));
      });
      if (on) scroll(list, list.querySelectorAll(".running, .about"), list.querySelectorAll(".about"));
    });
  };
  const scroll = (list, marked, main) => {
    const room = list.parentElement.clientHeight, most = Math.max(0, list.scrollHeight - room);
    if (!marked.length) return;
    let [top, end] = reach(marked);
    if (end - top > room && main.length) [top, end] = reach(main);  // not all can be seen: what it is about comes first
    const middle = end - top < room ? (top + end - room) / 2 : top;
    list.style.transform = `translateY(${-Math.round(Math.min(most, Math.max(0, middle)))}px)`;
  };
  const reach = lines => [lines[0].offsetTop, lines[lines.length - 1].offsetTop + lines[lines.length - 1].offsetHeight];

  const go = number => {
    now = Math.min(steps.length - 1, Math.max(0, number));
    slides.forEach((slide, number) => { slide.hidden = number !== steps[now].part; });
    draw(slides[steps[now].part], now);
    notes.textContent = steps[now].notes;
    history.replaceState(null, "", "#" + (now + 1));
  };
  const asked = () => Math.round(Number(location.hash.slice(1)) || 1) - 1;
  const fit = () => {
    const scale = Math.min(innerWidth / 1280, innerHeight / 720);
    const transform = `translate(${(innerWidth - 1280 * scale) / 2}px, ${(innerHeight - 720 * scale) / 2}px) scale(${scale})`;
    slides.forEach(slide => { slide.style.transform = transform; });
  };
  const full = () => document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.();
  const toggle = element => { element.hidden = !element.hidden; };

  const keys = {
    ArrowRight: () => go(now + 1), ArrowDown: () => go(now + 1), PageDown: () => go(now + 1), Enter: () => go(now + 1),
    ArrowLeft: () => go(now - 1), ArrowUp: () => go(now - 1), PageUp: () => go(now - 1), Backspace: () => go(now - 1),
    Home: () => go(0), End: () => go(steps.length - 1), n: () => toggle(notes), f: full, "?": () => toggle(help),
    Escape: () => { help.hidden = true; notes.hidden = true; },
  };
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton = event.target.closest?.("button") && (event.key === " " || event.key === "Enter");
    const act = event.key === " " ? () => go(now + (event.shiftKey ? -1 : 1)) : keys[event.key] || keys[event.key.toLowerCase()];
    if (!act || onButton) return;
    event.preventDefault();
    act();
  });
  const buttons = { "-1": () => go(now - 1), "1": () => go(now + 1), "?": () => toggle(help) };
  slides.forEach(slide => slide.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) buttons[button.dataset.go]();
    else if (!String(getSelection())) go(now + (event.clientX < innerWidth / 4 ? -1 : 1));
  }));
  help.addEventListener("click", () => toggle(help));
  let from = null;
  addEventListener("touchstart", event => { from = event.touches.length === 1 ? event.touches[0] : null; }, { passive: true });
  addEventListener("touchend", event => {
    const to = event.changedTouches[0];
    if (from && Math.abs(to.clientX - from.clientX) > 50 && Math.abs(to.clientX - from.clientX) > Math.abs(to.clientY - from.clientY))
      go(now + (to.clientX < from.clientX ? 1 : -1));
    from = null;
  });
  addEventListener("hashchange", () => go(asked()));
  addEventListener("resize", fit);

  // On paper, a page for each step.
  addEventListener("beforeprint", () => pages.replaceChildren(...steps.map((step, number) => {
    const page = document.createElement("div"), copy = slides[step.part].cloneNode(true);
    copy.hidden = false;
    page.className = "page";
    page.append(copy);
    document.body.append(page);  // so that its lines have a height to scroll by
    draw(copy, number);
    return page;
  })));
  addEventListener("afterprint", () => pages.replaceChildren());

  fit();
  go(asked());
})();

/* What the theme adds to a page that is complete without it: the choice of colours, search, the
 * mark of where one is in the table of contents, and scrolling by keyboard. */
(() => {
  "use strict";

  chooseScheme();
  document.querySelectorAll(".ag-search").forEach(search);
  followReading();
  scrollByKeyboard();

  function chooseScheme() {
    const root = document.documentElement;
    for (const radio of document.querySelectorAll(".ag-scheme input")) {
      radio.checked = radio.value === (root.dataset.theme ?? "auto");
      radio.addEventListener("change", () => {
        if (radio.value === "auto") delete root.dataset.theme;
        else root.dataset.theme = radio.value;
        try {
          if (radio.value === "auto") localStorage.removeItem("ag-theme");
          else localStorage.setItem("ag-theme", radio.value);
        } catch {
          /* Storage is forbidden: the choice lasts as long as the page. */
        }
      });
    }
  }

  /* Letters as a reader types them: no case, no accents, no vowel points, no joiners. */
  function fold(text) {
    return text
      .normalize("NFKD")
      .replace(/[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\u200b-\u200f]/g, "")
      .toLowerCase();
  }

  /* The index holds HTML without tags; a <textarea> knows all entities and makes no elements. */
  const decoder = document.createElement("textarea");
  function decode(html) {
    decoder.innerHTML = html;
    return decoder.value;
  }

  function loadIndex(url) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = url;
      script.onerror = reject;
      script.onload = () =>
        resolve(
          window.AttentionGallerySearch.map(({ url, title, headings, text }) => {
            const page = { url, title: decode(title), text: decode(text) };
            page.headings = headings.map(([id, name]) => ({ id, name: decode(name) }));
            page.folded = { title: fold(page.title), text: fold(page.text) };
            for (const heading of page.headings) heading.folded = fold(heading.name);
            return page;
          }),
        );
      document.head.append(script);
    });
  }

  /* All words must occur; a word counts most in the title, then in a heading, then in the text. */
  function find(pages, words) {
    const hits = [];
    for (const page of pages) {
      let score = 0;
      let heading;
      const found = words.every((word) => {
        const place = page.folded.title.indexOf(word);
        const below = page.headings.find(({ folded }) => folded.includes(word));
        const inText = page.folded.text.includes(word);
        if (place < 0) heading ??= below;
        score += (place === 0 ? 12 : place > 0 ? 8 : 0) + (below ? 4 : 0) + (inText ? 1 : 0);
        return place >= 0 || below || inText;
      });
      if (found) hits.push({ page, heading, score });
    }
    return hits.sort((a, b) => b.score - a.score);
  }

  /* A stretch of text around the first of the words, as far as it can be found unfolded. */
  function excerpt(text, words) {
    const lower = text.toLowerCase();
    const places = words.map((word) => lower.indexOf(word)).filter((place) => place >= 0);
    const first = places.length ? Math.min(...places) : 0;
    const start = first < 60 ? 0 : text.indexOf(" ", first - 50) + 1;
    const end = text.indexOf(" ", start + 130);
    return (start ? "… " : "") + (end < 0 ? text.slice(start) : `${text.slice(start, end)} …`);
  }

  /* Text with the words marked; built from text nodes, so that no title can become markup. */
  function marked(tag, className, text, words) {
    const element = document.createElement(tag);
    element.className = className;
    const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    text.split(new RegExp(`(${escaped.join("|")})`, "iu")).forEach((part, i) => {
      if (i % 2 === 0) return element.append(part);
      const mark = document.createElement("mark");
      mark.textContent = part;
      element.append(mark);
    });
    return element;
  }

  function search(form) {
    const input = form.querySelector("input");
    const panel = form.querySelector(".ag-results");
    const status = panel.querySelector("[role=status]");
    const list = panel.querySelector("ol");
    const root = new URL(form.dataset.root.replace(/\/?$/, "/"), location.href);
    let index;

    async function show() {
      const words = fold(input.value).split(/\s+/).filter(Boolean);
      panel.hidden = words.length === 0;
      if (panel.hidden) return;
      try {
        index ??= loadIndex(form.dataset.index);
        const hits = find(await index, words);
        const said = { 0: form.dataset.none, 1: form.dataset.one };
        status.textContent = said[hits.length] ?? form.dataset.many.replace("{}", hits.length);
        list.replaceChildren(...hits.slice(0, 12).map((hit) => row(hit, words)));
      } catch {
        status.textContent = form.dataset.failed;
      }
    }

    function row({ page, heading }, words) {
      const link = document.createElement("a");
      link.href = new URL(page.url, root);
      if (heading) link.hash = heading.id;
      const title = heading ? `${page.title} › ${heading.name}` : page.title;
      link.append(marked("bdi", "ag-result-title", title, words));
      link.append(marked("bdi", "ag-result-text", excerpt(page.text, words), words));
      const item = document.createElement("li");
      item.append(link);
      return item;
    }

    input.addEventListener("input", show);
    input.addEventListener("focus", show);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      list.querySelector("a")?.click();
    });
    form.addEventListener("keydown", (event) => {
      const stops = [input, ...list.querySelectorAll("a")];
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && !panel.hidden) {
        event.preventDefault();
        stops[stops.indexOf(document.activeElement) + step]?.focus();
      } else if (event.key === "Escape" && !panel.hidden) {
        event.preventDefault();
        event.stopPropagation(); // or charts would let go of what is pinned
        input.focus();
        panel.hidden = true;
      }
    });
    document.addEventListener("focusin", ({ target }) => (panel.hidden ||= !form.contains(target)));
    document.addEventListener("click", ({ target }) => (panel.hidden ||= !form.contains(target)));
  }

  /* Mark the heading one is reading: the last one that has passed the upper part of the window. */
  function followReading() {
    const toc = document.querySelector(".ag-toc");
    if (!toc) return;
    if (matchMedia("(max-width: 68rem)").matches) toc.querySelector("details").open = false;
    const links = [...toc.querySelectorAll("a")];
    const target = (link) => document.getElementById(link.getAttribute("href").slice(1));
    const mark = () => {
      // What is hidden, such as galleries that are filtered out, is nowhere.
      const shown = links.filter((link) => target(link)?.checkVisibility());
      const passed = shown.filter((link) => target(link).getBoundingClientRect().top < 160);
      for (const link of links) link.removeAttribute("aria-current");
      passed.at(-1)?.setAttribute("aria-current", "location");
    };
    addEventListener("scroll", mark, { passive: true });
    mark();
  }

  /* What scrolls sideways can be scrolled with the arrow keys too. */
  function scrollByKeyboard() {
    const boxes = document.querySelectorAll(".ag-prose :is(pre, table)");
    const update = () => {
      for (const box of boxes) {
        if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
        else box.removeAttribute("tabindex");
      }
    };
    addEventListener("resize", update);
    update();
  }
})();

/* <attention-chart>: turns a static picture into the interactive chart of the same document.
 *
 * The picture inside the element is complete; this script only adds to it. A chart loads when it
 * comes near the viewport. Data comes as a script, not as JSON, because a page opened from a USB
 * stick (file://) may not fetch. Vega runs with its expression interpreter, so that a
 * Content-Security-Policy without 'unsafe-eval' works.
 *
 *   <attention-chart exhibit="fox" view="edges" src="data.js" vega="vega.js">…<svg>…</attention-chart>
 */
(() => {
  "use strict";

  // Pages of other generators may name this script where the site does, too.
  if (customElements.get("attention-chart")) return;

  /* A reader chooses what is shown first, then a token; what is between keeps its order. */
  const FIRST = ["variant", "slot", "derived", "layer", "head"];
  const LAST = ["pin_token", "pin_query", "pin_key"];
  const VISIBLE = 0.005;

  /* A text in the reader's language, which words.js knows, with its {parts} put in. */
  const say = (text, parts = {}) =>
    (window.AttentionGalleryWords?.[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => parts[name]);

  /* The digits of packed weights, and which queue says how far pooled maps are off: transport.py. */
  const DIGITS = new TextEncoder().encode("0123456789abcdefghijklmnopqrstuvwxyz");
  const RESIDUALS = 13;

  /* exhibit id -> {params: shared values by name, views: {view: Vega-Lite document}} */
  const exhibits = new Map();
  const scripts = new Map();
  window.AttentionGallery = {
    exhibit(id, parts) {
      exhibits.set(id, unpack(parts));
    },
  };

  /* What transport.py made: documents, and queues of the levels of maps that were taken out. */
  async function unpack(parts) {
    const [text, ...queues] = await Promise.all(parts.map(inflated));
    const { document, taken, slots } = JSON.parse(new TextDecoder().decode(text));
    const next = reader(queues);
    for (const { path, rows } of taken) {
      const place = path.pop();
      const part = path.reduce((whole, key) => whole[key], document);
      part[place] = levels(slots, rows, next).map(digits);
    }
    return document;
  }

  async function inflated(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    const stream = new Response(bytes).body.pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /* Takes the next level from a queue. One from 251 on has a second byte, which is in the last. */
  function reader(queues) {
    const second = queues.length - 1;
    const at = new Uint32Array(queues.length);
    return (queue) => {
      const first = queues[queue][at[queue]++];
      return first < 251 ? first : 251 + 256 * (first - 251) + queues[second][at[second]++];
    };
  }

  /* The levels of each slot's map: first the heads, each level from the queue that those beside it
   * choose, then what is pooled, which heads tell up to a residual that was sent with 1 added. */
  function levels(slots, rows, next) {
    const n = rows.reduce((sum, row) => sum + row, 0);
    const heads = slots.map(([, pool]) => (pool ? null : head(n, rows, next)));
    return slots.map(([layer, pool, derived], slot) => {
      if (!pool) return heads[slot];
      const of = heads.filter(
        (each, i) => each && slots[i][2] === derived && (layer === null || slots[i][0] === layer),
      );
      return pooled(n, pool, of, next);
    });
  }

  function head(n, rows, next) {
    const map = new Uint16Array(n);
    let cell = 0;
    let above = 0;
    for (const row of rows) {
      for (let key = 0; key < row; key++, cell++) {
        const near = (cell ? map[cell - 1] : 0) + (key < above ? map[cell - above] : 0);
        map[cell] = next(32 - Math.clz32(near));
      }
      above = row;
    }
    return map;
  }

  function pooled(n, pool, heads, next) {
    const map = new Int32Array(n);
    for (const head of heads) {
      if (pool === "max") for (let i = 0; i < n; i++) map[i] = Math.max(map[i], head[i]);
      else for (let i = 0; i < n; i++) map[i] += head[i];
    }
    const parts = pool === "max" ? 1 : heads.length;
    for (let i = 0; i < n; i++) {
      map[i] = (Math.round(map[i] / parts) + next(RESIDUALS) + 1295) % 1296;
    }
    return map;
  }

  /* Two digits in base 36 for each level. */
  function digits(map) {
    const text = new Uint8Array(2 * map.length);
    for (let i = 0; i < map.length; i++) {
      text[2 * i] = DIGITS[Math.floor(map[i] / 36)];
      text[2 * i + 1] = DIGITS[map[i] % 36];
    }
    return new TextDecoder().decode(text);
  }

  /* A page that holds everything gives its data after this script. */
  const parsed = new Promise((resolve) => {
    if (document.readyState !== "loading") resolve();
    else document.addEventListener("DOMContentLoaded", resolve, { once: true });
  });

  /* Where files of the site are, for a chart that does not say it: as seen from this script. A page
   * that holds everything holds this script, too, and there is nothing beside it. */
  const own = document.currentScript?.src;
  const beside = (path) => (own ? new URL(path, own).href : null);

  function load(url) {
    if (!scripts.has(url)) {
      scripts.set(
        url,
        new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.src = url;
          script.onload = resolve;
          script.onerror = () => reject(new Error(`${url} could not be loaded`));
          document.head.append(script);
        }),
      );
    }
    return scripts.get(url);
  }

  /* Views of an exhibit share their data on the page; each document gets its own copy back. */
  async function wholeDocument(exhibit, view) {
    const { params, views } = await exhibits.get(exhibit);
    const spec = structuredClone(views[view]);
    for (const param of spec.params) {
      if (param.value === null && param.name in params) param.value = params[param.name];
    }
    return spec;
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function button(text, action) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "ag-button";
    element.textContent = text;
    element.addEventListener("click", action);
    return element;
  }

  /* Escape is for what is open above the page. Charts let go of what is pinned when it reaches the
   * window, after all that stands in the page. */
  const open = ":popover-open, dialog[open]";
  if (CSS.supports("selector(:popover-open)")) {
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && document.querySelector(open)) event.stopPropagation();
    });
  }

  /* What scrolls sideways can be scrolled with the arrow keys too. */
  function reachable(chart) {
    const update = () => {
      if (chart.scrollWidth > chart.clientWidth) chart.tabIndex = 0;
      else if (!chart.matches(":focus")) chart.removeAttribute("tabindex");
    };
    const sizes = new ResizeObserver(update);
    for (const part of [chart, ...chart.querySelectorAll("svg")]) sizes.observe(part);
  }

  class AttentionChart extends HTMLElement {
    connectedCallback() {
      this.picture ??= this.querySelector(".ag-picture");
      this.observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting)) this.start();
        },
        { rootMargin: "400px" },
      );
      this.observer.observe(this);
      this.onHash = () => {
        if (this.addressed) this.start().then(() => this.restore());
      };
      window.addEventListener("hashchange", this.onHash);
      this.onHash();
    }

    /* The picture comes back, so that an element that is moved can start again. */
    disconnectedCallback() {
      this.observer.disconnect();
      window.removeEventListener("hashchange", this.onHash);
      this.started = null;
      this.visit = {};
      this.embedded?.finalize();
      this.embedded = null;
      this.querySelectorAll(".ag-controls, .ag-chart, .ag-tools").forEach((part) => part.remove());
      this.prepend(this.picture);
      delete this.dataset.ready;
    }

    get exhibit() {
      return this.getAttribute("exhibit");
    }

    get view() {
      return this.getAttribute("view");
    }

    /* What links to it name; on a page with several exhibits, the view alone would not do. */
    get anchor() {
      return this.getAttribute("anchor") ?? this.view;
    }

    get reading() {
      return this.querySelector(".ag-reading");
    }

    start() {
      this.observer.disconnect();
      this.started ??= this.load().catch((error) => {
        this.note(
          say("The interactive chart could not be loaded. The picture shows its opening state."),
        );
        throw error;
      });
      return this.started;
    }

    async load() {
      const visit = this.visit;
      await parsed;
      const vega = this.getAttribute("vega") ?? beside("vega.js");
      const src = this.getAttribute("src") ?? beside(`../../exhibits/${this.exhibit}/data.js`);
      await Promise.all([
        window.vegaEmbed || !vega ? null : load(vega),
        exhibits.has(this.exhibit) || !src ? null : load(src),
      ]);
      await this.draw(visit);
    }

    /* Nothing is put in place before all is there: until then the element may be moved or removed,
     * and may even have started anew. */
    async draw(visit) {
      this.spec = await wholeDocument(this.exhibit, this.view);
      const label = this.getAttribute("label");
      const controls = document.createElement("div");
      controls.className = "ag-controls";
      controls.setAttribute("role", "group");
      controls.setAttribute("aria-label", say("{chart}: controls", { chart: label }));
      const chart = document.createElement("div");
      chart.className = "ag-chart";
      const embedded = await window.vegaEmbed(chart, this.spec, {
        actions: false,
        ast: true,
        bind: controls,
        renderer: "svg",
        tooltip: { theme: "custom" },
      });
      if (visit !== this.visit) {
        embedded.finalize();
        return;
      }
      this.embedded = embedded;
      // Vega tells what things are in English.
      chart.setAttribute("aria-roledescription", say("visualization"));
      if (window.AttentionGalleryWords) {
        chart.querySelector("svg .root")?.removeAttribute("aria-roledescription");
      }
      this.orderControls(controls);
      this.prepend(controls);
      const focused = this.picture.matches(":focus");
      this.picture.replaceWith(chart);
      reachable(chart);
      if (focused) {
        chart.tabIndex = 0;
        chart.focus();
      }
      const fit = () => {
        const width = chart.querySelector("svg")?.getAttribute("width");
        if (width) chart.style.setProperty("--ag-natural", width);
      };
      fit();
      // Some charts are laid out anew when the window becomes narrow.
      this.embedded.view.addResizeListener(() => requestAnimationFrame(fit));
      this.append(this.tools());
      this.reading.setAttribute("role", "status");
      for (const control of this.choices()) {
        this.embedded.view.addSignalListener(control.name, () => this.changed());
        this.show(control);
      }
      /* What is clicked may say which values it gives to controls, what is clicked twice as well. */
      for (const [event, field] of [["click", "choice"], ["dblclick", "solo"]]) {
        this.embedded.view.addEventListener(event, async (_, item) => {
          const values = item?.datum?.[field];
          if (!values) return;
          for (const [name, value] of Object.entries(values)) this.embedded.view.signal(name, value);
          await this.embedded.view.runAsync();
          if (this.leads) this.lead();
        });
      }
      this.dataset.ready = "";
    }

    /* Vega lists selections first and by name. */
    orderControls(controls) {
      const rank = (item) => {
        const { name } = item.querySelector("select, input");
        return FIRST.includes(name) ? FIRST.indexOf(name) - FIRST.length : LAST.indexOf(name) + 1;
      };
      controls.append(...[...controls.children].sort((a, b) => rank(a) - rank(b)));
    }

    /* The native controls: lists, check boxes, texts, and sliders. */
    choices() {
      return [...this.querySelectorAll(".ag-controls select, .ag-controls input")];
    }

    /* The names of a slider's values: a slider `x` has them in `xs`, or it is one over numbers. */
    names(control) {
      const names = `${control.name}s`;
      return this.spec.params.some(({ name }) => name === names) ? this.signal(names) : null;
    }

    /* A control shows the value of its signal, a slider also what the value is called. */
    show(control) {
      const value = this.signal(control.name) ?? -1;
      if (control.type === "checkbox") control.checked = value;
      // What is being typed is the reader's.
      else if (control.type !== "text" || control !== document.activeElement) {
        control.value = String(value);
      }
      if (control.type !== "range") return;
      const name = String(this.names(control)?.[value] ?? value);
      control.nextElementSibling.textContent = name;
      control.setAttribute("aria-valuetext", name);
    }

    /* The value of a control that a link names by a text; undefined where it offers none such. */
    offered(control, text) {
      if (text === null) return undefined;
      if (control.type === "checkbox") return ["true", "false"].includes(text) ? text === "true" : undefined;
      if (control.type === "text") return text;
      if (control.type === "range") {
        const value = Number(text || NaN);
        const names = this.names(control);
        // A slider says itself which values it can have: it takes the nearest.
        const slider = control.cloneNode();
        slider.value = text;
        const known = names ? value in names : slider.valueAsNumber === value;
        return known ? value : undefined;
      }
      return [...control.options].some((option) => option.value === text) ? Number(text) : undefined;
    }

    signal(name) {
      return this.embedded.view.signal(name);
    }

    /* The permalink: every control's value, after the figure's own anchor. */
    get permalink() {
      const state = this.choices().map(({ name }) => [name, this.signal(name) ?? -1]);
      return `#${this.anchor}?${new URLSearchParams(state)}`;
    }

    get addressed() {
      return location.hash.slice(1).split("?")[0] === this.anchor;
    }

    async restore() {
      const state = new URLSearchParams(location.hash.split("?")[1]);
      await this.take(state);
      this.comeIntoView();
    }

    /* Take what controls offer of a state, which has a text for each. */
    async take(state) {
      if (!this.embedded) return;
      for (const control of this.choices()) {
        const value = this.offered(control, state.get(control.name));
        if (value !== undefined) this.embedded.view.signal(control.name, value);
      }
      await this.embedded.view.runAsync();
    }

    comeIntoView() {
      (this.closest(".ag-figure") ?? this).scrollIntoView({ behavior: "instant" });
    }

    /* Whether what is chosen here is shown by the other charts of the exhibit as well. */
    get leads() {
      return Boolean(this.spec.usermeta?.leads);
    }

    get followers() {
      // Not all charts show heads.
      const block = this.closest(".ag-block") ?? document; // a page may show an exhibit twice
      const charts = [...block.querySelectorAll("attention-chart[maps]")];
      return charts.filter((chart) => chart !== this && chart.exhibit === this.exhibit);
    }

    /* A chart that can show several heads shows this one alone. */
    async lead() {
      const state = new Map();
      for (const name of ["slot", "layer", "head"]) {
        if (this.choices().some((control) => control.name === name)) {
          state.set(name, String(this.signal(name)));
        }
      }
      state.set("heads", "");
      const shown = this.signal("slots")[this.signal("slot")];
      // One that cannot be drawn says so itself, and holds up no other.
      await Promise.allSettled(
        this.followers.map(async (chart) => {
          await chart.start();
          // Some charts hold fewer maps, and know them by name.
          const slot = chart.signal("slots").indexOf(shown);
          await chart.take(new Map([...state, ["slot", String(slot)]]));
        }),
      );
    }

    /* Several signals may change in one pulse of Vega: answer once, when all have. */
    changed() {
      cancelAnimationFrame(this.answer);
      this.answer = requestAnimationFrame(() => {
        if (!this.embedded) return;
        for (const control of this.choices()) this.show(control);
        this.link.href = this.permalink;
        this.reading.textContent = this.read();
        this.querySelector(".ag-chart").setAttribute(
          "aria-label",
          `${this.getAttribute("label")}. ${this.reading.textContent}`,
        );
        // Escape reaches all charts of a page; the address is that of the one a reader is at.
        if (this.matches(":hover, :focus-within")) {
          history.replaceState(history.state, "", this.permalink);
        }
      });
    }

    /* The weight of a pair in the map shown; null where a causal model cannot see. */
    weight(query, key) {
      const blob = this.signal("weights")[this.signal("slot")];
      const n = this.signal("queries").length;
      const causal = blob.length === n * (n + 1) && blob.length < 2 * n * this.signal("keys").length;
      if (causal && key > query) return null;
      const cell = causal ? (query * (query + 1)) / 2 + key : query * this.signal("keys").length + key;
      return parseInt(blob.slice(2 * cell, 2 * cell + 2), 36) / 1295;
    }

    /* The state of the chart in words, for those who cannot see it; most charts say it themselves. */
    read() {
      if (this.spec.params.some(({ name }) => name === "said")) return this.signal("said");
      const [queries, keys] = [this.signal("query_names"), this.signal("key_names")];
      const head = this.signal("slots")[this.signal("slot")];
      const strongest = (names, weight) =>
        names
          .map((name, i) => [name, weight(i)])
          .filter(([, w]) => w >= VISIBLE)
          .sort(([, a], [, b]) => b - a)
          .slice(0, 3)
          .map(([name, w]) => `${name} (${w.toFixed(3)})`)
          .join(", ");
      const token = this.signal("pin_token") ?? -1;
      if (token < 0) return say("{head}. No token is pinned.", { head });
      if (token < queries.length) {
        const query = queries[token];
        const looked = strongest(keys, (key) => this.weight(token, key));
        return looked
          ? say("In {head}, {query} looks most at {keys}.", { head, query, keys: looked })
          : say("In {head}, {query} looks most at no token in particular.", { head, query });
      }
      const key = keys[token - queries.length];
      const others = strongest(queries, (query) => this.weight(query, token - queries.length));
      return others
        ? say("In {head}, {key} is looked at most by {others}.", { head, key, others })
        : say("In {head}, {key} is looked at most by no token in particular.", { head, key });
    }

    tools() {
      const tools = document.createElement("p");
      tools.className = "ag-tools";
      const name = `${this.exhibit}-${this.view}`;
      this.link = document.createElement("a");
      this.link.href = this.permalink;
      this.link.textContent = say("Link to this state");
      tools.append(
        this.link,
        button(say("Download the chart (Vega-Lite)"), () =>
          save(`${name}.vl.json`, "application/json", JSON.stringify(this.spec)),
        ),
        button(say("Download the picture (SVG)"), async () =>
          save(`${name}.svg`, "image/svg+xml", await this.embedded.view.toSVG()),
        ),
      );
      if (this.leads) {
        tools.prepend(
          ...this.followers.map((chart) =>
            button(say("Show in {chart}", { chart: chart.getAttribute("label") }), async () => {
              await this.lead();
              chart.comeIntoView();
              chart.choices()[0]?.focus({ preventScroll: true });
            }),
          ),
        );
      }
      return tools;
    }

    note(text) {
      const note = document.createElement("p");
      note.className = "ag-note";
      note.setAttribute("role", "status");
      note.textContent = text;
      this.append(note);
    }
  }

  customElements.define("attention-chart", AttentionChart);
})();

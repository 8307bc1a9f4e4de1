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

  /* A reader chooses what is shown first, then a token; what is between keeps its order. */
  const FIRST = ["variant", "slot", "layer", "head"];
  const LAST = ["pin_token", "pin_query", "pin_key"];
  const VISIBLE = 0.005;

  /* exhibit id -> gzip of {params: shared values by name, views: {view: Vega-Lite document}} */
  const exhibits = new Map();
  const scripts = new Map();
  window.AttentionGallery = {
    exhibit(id, packed) {
      exhibits.set(id, unpack(packed));
    },
  };

  async function unpack(base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  /* A page that holds everything gives its data after this script. */
  const parsed = new Promise((resolve) => {
    if (document.readyState !== "loading") resolve();
    else document.addEventListener("DOMContentLoaded", resolve, { once: true });
  });

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
      this.embedded?.finalize();
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

    get reading() {
      return this.querySelector(".ag-reading");
    }

    start() {
      this.observer.disconnect();
      this.started ??= this.load().catch((error) => {
        this.note("The interactive chart could not be loaded. The picture shows its opening state.");
        throw error;
      });
      return this.started;
    }

    async load() {
      await parsed;
      const vega = this.getAttribute("vega");
      const src = this.getAttribute("src");
      await Promise.all([
        window.vegaEmbed || !vega ? null : load(vega),
        exhibits.has(this.exhibit) || !src ? null : load(src),
      ]);
      await this.draw();
    }

    async draw() {
      this.spec = await wholeDocument(this.exhibit, this.view);
      const label = this.getAttribute("label");
      const controls = document.createElement("div");
      controls.className = "ag-controls";
      controls.setAttribute("role", "group");
      controls.setAttribute("aria-label", `${label}: controls`);
      const chart = document.createElement("div");
      chart.className = "ag-chart";
      chart.hidden = true;
      this.picture.after(chart);
      this.prepend(controls);
      this.embedded = await window.vegaEmbed(chart, this.spec, {
        actions: false,
        ast: true,
        bind: controls,
        renderer: "svg",
        tooltip: { theme: "custom" },
      });
      this.orderControls(controls);
      const fit = () => {
        const width = chart.querySelector("svg").getAttribute("width");
        chart.style.setProperty("--ag-natural", width);
      };
      fit();
      // Some charts are laid out anew when the window becomes narrow.
      this.embedded.view.addResizeListener(() => requestAnimationFrame(fit));
      chart.hidden = false;
      this.picture.remove();
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
      if (control.type === "checkbox") return { true: true, false: false }[text];
      if (control.type === "text") return text;
      if (control.type === "range") {
        const value = Number(text || NaN);
        const names = this.names(control);
        const known = names ? value in names : value >= control.min && value <= control.max;
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
      return `#${this.view}?${new URLSearchParams(state)}`;
    }

    get addressed() {
      return location.hash.slice(1).split("?")[0] === this.view;
    }

    async restore() {
      const state = new URLSearchParams(location.hash.split("?")[1]);
      await this.take(state);
      this.comeIntoView();
    }

    /* Take what controls offer of a state, which has a text for each. */
    async take(state) {
      for (const control of this.choices()) {
        const value = this.offered(control, state.get(control.name));
        if (value !== undefined) this.embedded.view.signal(control.name, value);
      }
      await this.embedded.view.runAsync();
    }

    comeIntoView() {
      (this.closest("section") ?? this).scrollIntoView({ behavior: "instant" });
    }

    /* Whether what is chosen here is shown by the other charts of the exhibit as well. */
    get leads() {
      return Boolean(this.spec.usermeta?.leads);
    }

    get followers() {
      const charts = [...document.querySelectorAll("attention-chart")];
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
      for (const chart of this.followers) {
        await chart.start();
        await chart.take(state);
      }
    }

    /* Several signals may change in one pulse of Vega: answer once, when all have. */
    changed() {
      cancelAnimationFrame(this.answer);
      this.answer = requestAnimationFrame(() => {
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
          .join(", ") || "no token in particular";
      const token = this.signal("pin_token") ?? -1;
      if (token < 0) return `${head}. No token is pinned.`;
      if (token < queries.length) {
        const looked = strongest(keys, (key) => this.weight(token, key));
        return `In ${head}, ${queries[token]} looks most at ${looked}.`;
      }
      const key = token - queries.length;
      const looking = strongest(queries, (query) => this.weight(query, key));
      return `In ${head}, ${keys[key]} is looked at most by ${looking}.`;
    }

    tools() {
      const tools = document.createElement("p");
      tools.className = "ag-tools";
      const name = `${this.exhibit}-${this.view}`;
      this.link = document.createElement("a");
      this.link.href = this.permalink;
      this.link.textContent = "Link to this state";
      tools.append(
        this.link,
        button("Download the chart (Vega-Lite)", () =>
          save(`${name}.vl.json`, "application/json", JSON.stringify(this.spec)),
        ),
        button("Download the picture (SVG)", async () =>
          save(`${name}.svg`, "image/svg+xml", await this.embedded.view.toSVG()),
        ),
      );
      if (this.leads) {
        tools.prepend(
          ...this.followers.map((chart) =>
            button(`Show in ${chart.getAttribute("label")}`, async () => {
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

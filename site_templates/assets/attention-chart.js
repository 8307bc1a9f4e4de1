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

  const ORDER = ["slot", "layer", "head", "pin_token", "pin_query", "pin_key"];

  /* exhibit id -> {params: shared values by name, views: {view: Vega-Lite document}} */
  const exhibits = new Map();
  const scripts = new Map();
  window.AttentionGallery = {
    exhibit(id, data) {
      exhibits.set(id, data);
    },
  };

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
  function wholeDocument(exhibit, view) {
    const { params, views } = exhibits.get(exhibit);
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
      this.observer = new IntersectionObserver(
        (entries) => {
          if (entries.some((entry) => entry.isIntersecting)) this.start();
        },
        { rootMargin: "400px" },
      );
      this.observer.observe(this);
    }

    disconnectedCallback() {
      this.observer.disconnect();
      this.embedded?.finalize();
    }

    get exhibit() {
      return this.getAttribute("exhibit");
    }

    get view() {
      return this.getAttribute("view");
    }

    async start() {
      this.observer.disconnect();
      try {
        const vega = this.getAttribute("vega");
        const src = this.getAttribute("src");
        await Promise.all([
          window.vegaEmbed || !vega ? null : load(vega),
          exhibits.has(this.exhibit) || !src ? null : load(src),
        ]);
        await this.draw();
      } catch (error) {
        this.note("The interactive chart could not be loaded. The picture shows its opening state.");
        throw error;
      }
    }

    async draw() {
      this.spec = wholeDocument(this.exhibit, this.view);
      const controls = document.createElement("div");
      controls.className = "ag-controls";
      const chart = document.createElement("div");
      chart.className = "ag-chart";
      chart.hidden = true;
      const picture = this.querySelector(".ag-picture");
      picture.after(controls, chart);
      this.embedded = await window.vegaEmbed(chart, this.spec, {
        actions: false,
        ast: true,
        bind: controls,
        renderer: "svg",
        tooltip: { theme: "custom" },
      });
      const vega = this.embedded.view;
      this.orderControls(controls);
      this.restore();
      await vega.runAsync();
      chart.style.setProperty("--ag-natural", picture.style.getPropertyValue("--ag-natural"));
      chart.hidden = false;
      picture.remove();
      this.prepend(controls);
      this.append(this.tools());
      for (const { name } of this.selects()) {
        vega.addSignalListener(name, () => this.remember());
      }
      this.dataset.ready = "";
    }

    /* Vega lists selections first and by name; a reader chooses a head first, then a query. */
    orderControls(controls) {
      const rank = (item) => ORDER.indexOf(item.querySelector("select").name);
      controls.append(...[...controls.children].sort((a, b) => rank(a) - rank(b)));
    }

    selects() {
      return [...this.querySelectorAll(".ag-controls select")];
    }

    /* The permalink: every control's value, after the figure's own anchor. */
    get permalink() {
      const vega = this.embedded.view;
      const state = new URLSearchParams(
        this.selects().map(({ name }) => [name, vega.signal(name) ?? -1]),
      );
      return `#${this.view}?${state}`;
    }

    restore() {
      const [anchor, query] = location.hash.slice(1).split("?");
      if (anchor !== this.view || !query) return;
      const state = new URLSearchParams(query);
      for (const select of this.selects()) {
        const value = state.get(select.name);
        if ([...select.options].some((option) => option.value === value)) {
          this.embedded.view.signal(select.name, Number(value));
        }
      }
      this.scrollIntoView();
    }

    remember() {
      history.replaceState(history.state, "", this.permalink);
      this.link.href = this.permalink;
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
        button("Vega-Lite document", () =>
          save(`${name}.vl.json`, "application/json", JSON.stringify(this.spec)),
        ),
        button("Picture (SVG)", async () =>
          save(`${name}.svg`, "image/svg+xml", await this.embedded.view.toSVG()),
        ),
      );
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

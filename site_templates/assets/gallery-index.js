/* <gallery-filters>: shows only those exhibits of the index that a reader asks for.
 *
 * Cards tell what they are about; a list is offered for each property in which they differ. The
 * choice is kept in the query of the address, so that it can be linked to, and is there again when
 * a reader comes back. Without this script all exhibits are shown.
 */
(() => {
  "use strict";

  const say = (text) => window.AttentionGalleryWords?.[text] ?? text;

  class GalleryFilters extends HTMLElement {
    connectedCallback() {
      if (this.childElementCount) return; // it was only moved
      this.titles = JSON.parse(this.dataset.viewTitles);
      this.cards = [...document.querySelectorAll(".ag-cards > .ag-card")].map((item) => ({
        item,
        model: [item.dataset.model],
        view: item.dataset.views.split(" "),
        tag: JSON.parse(item.dataset.tags),
        language: item.dataset.lang ? [item.dataset.lang] : [],
      }));
      this.choices = [
        ["model", say("Model")],
        ["view", say("View")],
        ["tag", say("Tag")],
        ["language", say("Language")],
      ];
      this.selects = this.choices.map(([name, label]) => this.select(name, label)).filter(Boolean);
      if (!this.selects.length) return;
      this.build();
      this.restore();
      this.apply();
      this.onHash = () => this.reach();
      window.addEventListener("hashchange", this.onHash);
      this.reach();
    }

    disconnectedCallback() {
      window.removeEventListener("hashchange", this.onHash);
    }

    /* A labelled list of the values of a property; null where all exhibits have the same. */
    select(name, label) {
      const values = [...new Set(this.cards.flatMap((card) => card[name]))];
      if (values.length < 2) return null;
      const language = document.documentElement.lang || "en";
      const named = values.map((value) => [this.name(name, value, language), value]);
      named.sort(([a], [b]) => a.localeCompare(b, language, { numeric: true }));
      const select = document.createElement("select");
      select.name = name;
      select.append(new Option(say("all"), ""));
      for (const [text, value] of named) select.append(new Option(text, value));
      select.addEventListener("change", () => {
        this.apply();
        this.keep();
      });
      const labelled = document.createElement("label");
      labelled.append(label, select);
      return select;
    }

    /* What readers call a value. */
    name(property, value, language) {
      if (property === "view") return this.titles[value] ?? value;
      if (property !== "language") return value;
      try {
        return new Intl.DisplayNames([language], { type: "language" }).of(value);
      } catch {
        return value; // no tag of a language
      }
    }

    build() {
      const controls = document.createElement("div");
      controls.className = "ag-controls";
      controls.setAttribute("role", "group");
      controls.setAttribute("aria-label", say("Choose among the exhibits"));
      controls.append(...this.selects.map((select) => select.parentElement));
      this.status = document.createElement("span");
      this.status.setAttribute("role", "status");
      this.all = document.createElement("button");
      this.all.type = "button";
      this.all.className = "ag-button";
      this.all.textContent = say("Show all");
      this.all.addEventListener("click", () => {
        this.showAll();
        this.selects[0].focus(); // the button goes away
      });
      const shown = document.createElement("p");
      shown.className = "ag-tools";
      shown.append(this.status, this.all);
      this.append(controls, shown);
    }

    fits(card, except) {
      return this.selects.every(
        (select) => select === except || !select.value || card[select.name].includes(select.value),
      );
    }

    apply() {
      for (const card of this.cards) card.item.hidden = !this.fits(card);
      // What would leave nothing, beside what is chosen already, cannot be chosen.
      for (const select of this.selects) {
        const left = this.cards.filter((card) => this.fits(card, select));
        const values = new Set(left.flatMap((card) => card[select.name]));
        for (const option of select.options) {
          option.disabled = Boolean(option.value) && !option.selected && !values.has(option.value);
        }
      }
      for (const list of document.querySelectorAll(".ag-cards")) {
        const empty = [...list.children].every((item) => item.hidden);
        for (const part of this.gallery(list)) {
          part.hidden = empty;
          if (part.id) this.list(part.id, !empty);
        }
      }
      const n = this.cards.filter((card) => !card.item.hidden).length;
      const all = this.cards.length;
      this.status.textContent =
        n === all ? say("{} exhibits").replace("{}", all)
        : n ? say("{} of {} exhibits").replace("{}", n).replace("{}", all)
        : say("No exhibit has all of this");
      this.all.hidden = this.selects.every((select) => !select.value);
    }

    /* What a theme lists as on this page is what can be seen of it. */
    list(id, shown) {
      const { hash } = new URL(`#${id}`, location.href);
      for (const link of document.querySelectorAll("nav li > a[href^='#']")) {
        if (link.hash === hash) link.parentElement.hidden = !shown;
      }
    }

    /* A list of cards, and its heading and prose above it. */
    gallery(list) {
      const parts = [list];
      let above = list.previousElementSibling;
      while (above && above !== this && !above.matches("h1, .ag-cards")) {
        parts.push(above);
        above = above.previousElementSibling;
      }
      return parts;
    }

    restore() {
      const query = new URLSearchParams(location.search);
      for (const select of this.selects) {
        const value = query.get(select.name);
        if ([...select.options].some((option) => option.value === value)) select.value = value;
      }
      // An address says what is shown: it loses what is not offered.
      if (this.choices.some(([name]) => query.has(name))) this.keep();
    }

    keep() {
      const address = new URL(location.href);
      for (const [name] of this.choices) {
        const value = this.selects.find((select) => select.name === name)?.value;
        if (value) address.searchParams.set(name, value);
        else address.searchParams.delete(name);
      }
      history.replaceState(history.state, "", address);
    }

    showAll() {
      for (const select of this.selects) select.value = "";
      this.apply();
      this.keep();
    }

    /* A link to a gallery that is hidden shows all again. */
    reach() {
      // `:target` is not known yet while a page loads.
      const addressed = ({ id }) => new URL(`#${id}`, location.href).hash === location.hash;
      const target = [...document.querySelectorAll("[id][hidden]")].find(addressed);
      if (!target) return;
      this.showAll();
      target.scrollIntoView();
    }
  }

  customElements.define("gallery-filters", GalleryFilters);
})();

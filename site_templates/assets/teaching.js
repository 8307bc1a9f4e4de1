/* <attention-prediction>: a reader marks where a head will look, reveals where it does, and is told
 * how good the marks were.
 *
 * The element holds a sentence of native check boxes, whose values are weights in units of 1/LEVELS,
 * and a native <details> with the answer, which closes for another try; this script adds the numbers
 * and the score.
 */
(() => {
  "use strict";
  if (customElements.get("attention-prediction")) return;

  const LEVELS = 1295;
  const say = (text) => window.AttentionGalleryWords?.[text] ?? text;
  const filled = (text, ...values) => values.reduce((said, value) => said.replace("{}", value), text);
  const sum = (levels) => levels.reduce((total, level) => total + level, 0);
  /* Rounded to levels, a whole row may add up to a little more than 1. */
  const percent = (level) => `${Math.min(100, Math.round((100 * level) / LEVELS))}%`;

  class AttentionPrediction extends HTMLElement {
    constructor() {
      super();
      this.addEventListener("click", (event) => {
        if (event.target.closest("summary") === this.button) this.press(event);
      });
      // It does not bubble.
      this.addEventListener("toggle", (event) => event.target === this.answer && this.show(), true);
    }

    connectedCallback() {
      this.show();
    }

    get answer() {
      return this.querySelector(".ag-reveal");
    }

    get button() {
      return this.answer.querySelector("summary");
    }

    /* The tokens that can be seen. */
    get boxes() {
      return [...this.querySelectorAll(".ag-chip:not(.ag-out-of-sight) input")];
    }

    get marked() {
      return this.boxes.filter((box) => box.checked);
    }

    /* Nothing is revealed to those who predict nothing. */
    press(event) {
      if (this.answer.open) {
        for (const box of this.boxes) box.checked = false;
        this.show(false);
        this.boxes[0]?.focus();
      } else if (!this.marked.length) {
        event.preventDefault();
        this.tell(say("Mark at least one token first."));
      }
    }

    show(open = this.answer.open) {
      this.button.textContent = open ? say("Try again") : say("Reveal");
      this.querySelector("fieldset").disabled = open;
      this.querySelectorAll(".ag-weight").forEach((weight) => weight.remove());
      const levels = this.boxes.map((box) => Number(box.value));
      const most = Math.max(1, ...levels);
      this.boxes.forEach((box, i) => {
        if (!open) return;
        const weight = document.createElement("span");
        weight.className = "ag-weight";
        weight.style.setProperty("--ag-share", levels[i] / most);
        weight.textContent = (levels[i] / LEVELS).toFixed(3);
        box.parentElement.append(weight);
      });
      this.classList.toggle("ag-revealed", open);
      this.tell(open && this.marked.length ? this.score(levels) : "");
    }

    /* What the marked tokens get, beside what as many could get at most. */
    score(levels) {
      const n = this.marked.length;
      const got = sum(this.marked.map((box) => Number(box.value)));
      const best = sum(levels.sort((a, b) => b - a).slice(0, n));
      if (n === 1) {
        return got === best
          ? filled(say("Your token gets {} of the attention: no other gets more."), percent(got))
          : filled(
              say("Your token gets {} of the attention; the best one would get {}."),
              percent(got),
              percent(best),
            );
      }
      return got === best
        ? filled(say("Your {} tokens get {} of the attention: no other {} get more."), n, percent(got), n)
        : filled(
            say("Your {} tokens get {} of the attention; the best {} would get {}."),
            n,
            percent(got),
            n,
            percent(best),
          );
    }

    tell(text) {
      this.querySelector(".ag-score").textContent = text;
    }
  }

  customElements.define("attention-prediction", AttentionPrediction);
})();

// What a page is timed with, on its own clock; put into it before its own scripts.
(() => {
  // The moment at which the frame that is about to be drawn has been: what is posted from a callback
  // of this frame comes after its style, layout and paint.
  const drawn = () =>
    new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => done(performance.now());
      port2.postMessage(0);
    });
  const frame = () => new Promise((next) => requestAnimationFrame(next));

  window.stopwatch = {
    // When the first frame in which something holds has been drawn; 0 is the start of navigation.
    async reached(holds, patience) {
      while (!holds()) {
        if (performance.now() > patience) throw new Error(`Not reached: ${holds}`);
        await frame();
      }
      return drawn();
    },

    // From the next event of some types until the last of the frames that it changed: null when
    // nothing changes for so many milliseconds. A page is done when nothing has changed for 60.
    answer(types, patience) {
      const armed = performance.now();
      let began = null;
      let last = null;
      let waiting = false;
      const notice = (event) => (began ??= event.timeStamp);
      const watch = new MutationObserver(async () => {
        if (began === null || waiting) return;
        waiting = true;
        await frame();
        last = await drawn();
        waiting = false;
      });
      types.forEach((type) => addEventListener(type, notice, { capture: true }));
      watch.observe(document.documentElement, {
        subtree: true, childList: true, attributes: true, characterData: true,
      });
      return new Promise((done) => {
        const look = () => {
          const now = performance.now();
          const quiet = last !== null ? now - last > 60 : now - (began ?? armed) > patience;
          if (waiting || !quiet) return setTimeout(look, 20);
          watch.disconnect();
          types.forEach((type) => removeEventListener(type, notice, { capture: true }));
          done(last === null ? null : last - began);
        };
        look();
      });
    },
  };
})();

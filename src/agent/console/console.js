// Security keys need this script. Everything else works without it, only less comfortably.
// It has no network access: forms carry all that goes to the server.
"use strict";
(() => {
  const each = (selector, use) => document.querySelectorAll(selector).forEach(use);

  // Back from a service's page, a form is as it was before it was sent.
  const forgotten = [];
  addEventListener("pageshow", (event) => event.persisted && forgotten.forEach((undo) => undo()));

  // A form is sent once: a second click would spend a code twice, and tell of an error.
  const once = (form) => {
    let sent = false;
    forgotten.push(() => { sent = false; });
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      if (sent) event.preventDefault();
      sent = true;
      // A page that never came may be asked for again.
      setTimeout(() => { sent = false; }, 5000);
    });
  };

  // Asks a security key as the form's options say, and sends its answer as the form's field.
  const webauthn = (form) => {
    const { dataset, elements } = form;
    const status = form.querySelector("[role=status]");
    const say = (words) => { if (status) status.textContent = words || ""; };
    let asking = false;
    forgotten.push(() => { elements.credential.value = ""; say(""); });
    const ask = async () => {
      const publicKey = JSON.parse(dataset.options);
      return dataset.webauthn === "create"
        ? navigator.credentials.create({
          publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
        })
        : navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
        });
    };
    form.addEventListener("submit", async (event) => {
      if (elements.credential.value) return;
      event.preventDefault();
      if (asking) return;
      asking = true;
      say(dataset.touch);
      try {
        elements.credential.value = JSON.stringify((await ask()).toJSON());
        form.requestSubmit();
      } catch (error) {
        say(error.name === "InvalidStateError" ? dataset.known : dataset.noAnswer);
      } finally {
        asking = false;
      }
    });
  };

  // The code of a link stands in the fragment, which no server sees. It is taken out of the
  // address, and waits for the person to press the button.
  const link = (field) => {
    const take = () => {
      const code = location.hash.slice(1);
      if (!code) return;
      field.value = code;
      history.replaceState(null, "", location.pathname + location.search);
    };
    addEventListener("hashchange", take);
    take();
  };

  // Counts the seconds until a device shows its next code. The server's page says how many were
  // left, so that this machine's clock does not matter.
  const live = (place) => {
    const { left, period, words } = place.dataset;
    const hand = place.querySelector(".fg");
    const text = place.querySelector("[data-text]");
    const length = Number(hand?.getAttribute("stroke-dasharray")) || 0;
    const arrived = performance.getEntriesByType("navigation")[0]?.responseStart || 0;
    const show = () => {
      const passed = (performance.now() - arrived) / 1000;
      const rest = Number(period) - ((Number(period) - Number(left) + passed) % Number(period));
      text.textContent = words.replace("{seconds}", Math.ceil(rest));
      hand?.setAttribute("stroke-dashoffset", (length * (1 - rest / Number(period))).toFixed(1));
    };
    place.hidden = false;
    show();
    setInterval(show, 1000);
  };

  document.addEventListener("DOMContentLoaded", () => {
    each("form[data-webauthn]", webauthn);
    each("form", once);
    each("[data-link-code]", link);
    each("[data-live]", live);
    each("[data-print]", (button) => button.addEventListener("click", () => print()));
    // A page that hands over goes on by itself, but not when a person came back to it.
    const way = performance.getEntriesByType("navigation")[0]?.type;
    each("form[data-press]", (form) => way !== "back_forward" && form.requestSubmit());
  });
})();

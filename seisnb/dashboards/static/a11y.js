// Names and roles that ipywidgets leave out: slider handles, progress bars, live regions.
const set = (element, name, value) => {
  if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
};

function mend(root) {
  const widgets = ".widget-slider, .widget-hslider, .widget-vslider, .widget-hprogress";
  for (const widget of root.querySelectorAll(widgets)) {
    const text = widget.querySelector(".widget-label")?.textContent?.trim();
    if (!text) continue;
    widget.querySelectorAll(".noUi-handle").forEach((handle, index, all) => {
      const end = index ? "upper" : "lower";
      set(handle, "aria-label", all.length > 1 ? `${text} ${end}` : text);
    });
    const bar = widget.querySelector(".progress");
    set(bar, "role", "progressbar");
    set(bar, "aria-label", text);
    const readout = widget.querySelector(".widget-readout");
    if (readout?.isContentEditable) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${text} value`);
    }
  }
  // The element that stays while its text changes carries the role, so that changes are read out.
  for (const role of ["status", "alert"])
    for (const box of root.querySelectorAll(`.seisnb-${role} .widget-html-content`))
      set(box, "role", role);
}

function render({ el }) {
  el.style.display = "none";
  let root = null;
  const observer = new MutationObserver(() => mend(root));
  const timer = setInterval(() => {
    root = el.closest(".seisnb-app");
    if (!root) return;
    clearInterval(timer);
    mend(root);
    observer.observe(root, { childList: true, subtree: true, characterData: true });
  }, 50);
  return () => {
    clearInterval(timer);
    observer.disconnect();
  };
}

export default { render };

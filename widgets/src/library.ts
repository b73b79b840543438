// BokehJS as a script of the page, loaded once, whoever brings its text first.

/** The library of a version; `bring` is called where nobody has brought it to this page. */
export function bokehLibrary(
  version: string,
  bring: () => Promise<ArrayBuffer[]>,
): Promise<BokehLibrary> {
  if (window.Bokeh?.version === version) return Promise.resolve(window.Bokeh);
  const key = `__seisnb_bokeh_${version}`;
  const page = window as unknown as Record<string, Promise<BokehLibrary> | undefined>;
  page[key] ??= (async () => {
    for (const file of await bring()) {
      const url = URL.createObjectURL(new Blob([file], { type: "text/javascript" }));
      await new Promise<void>((resolve, reject) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = () => resolve();
        script.onerror = () => reject(new Error("BokehJS could not be loaded"));
        document.head.append(script);
      });
      URL.revokeObjectURL(url);
    }
    if (!window.Bokeh) throw new Error("BokehJS could not be loaded");
    return window.Bokeh;
  })().catch((error: unknown) => {
    delete page[key];
    throw error;
  });
  return page[key];
}

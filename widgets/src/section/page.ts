// The section in a page that stands alone: members are unpacked from the page itself.
import { LocalModel } from "../model";
import type { Header } from "./header";
import { type SectionState, Source } from "./source";
import { MISSING } from "./store";
import { SectionView } from "./view";

interface Packed {
  state: SectionState;
  header: Header;
  fields: string;
  points: string;
  /** Deflated planes of low and high bytes of the differences along depth. */
  members: string;
}

async function bytesOf(text: string): Promise<ArrayBuffer> {
  const raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Codes of the members from their packed differences: (member, depth, easting). */
export function unpackCodes(planes: Uint8Array, nx: number, nz: number): Uint16Array {
  const n = planes.length / 2;
  const codes = new Uint16Array(n);
  for (let i = 0; i < n; i++) {
    const row = Math.floor(i / nx) % nz;
    const above = row === 0 ? 0 : codes[i - nx];
    codes[i] = (above + planes[i] + 256 * planes[n + i]) & MISSING;
  }
  return codes;
}

async function show(element: HTMLElement, packed: Packed): Promise<SectionView> {
  const model = new LocalModel<SectionState>(packed.state);
  const [fields, points, planes] = await Promise.all(
    [packed.fields, packed.points, packed.members].map(bytesOf),
  );
  const view = new SectionView(model as never, element);
  const { nx, nz } = packed.header.grid;
  const codes = unpackCodes(new Uint8Array(planes), nx, nz);
  Source.of(model as never).give(packed.header, fields, points, codes);
  return view;
}

(window as unknown as Record<string, unknown>).seisnbSection = show;

// Views of one group on a page share their cursor and the part of the section on show.
export interface Shared {
  cursor?: [number, number] | null;
  span?: number[];
}

type Receiver = (shared: Shared) => void;

const KEY = "__seisnb_links";

function groups(): Map<string, Set<Receiver>> {
  const page = window as unknown as Record<string, Map<string, Set<Receiver>> | undefined>;
  return (page[KEY] ??= new Map());
}

export function join(group: string, receiver: Receiver): { tell: Receiver; leave: () => void } {
  const members = groups().get(group) ?? new Set();
  groups().set(group, members.add(receiver));
  return {
    tell: (shared) => {
      if (group) for (const each of members) if (each !== receiver) each(shared);
    },
    leave: () => {
      members.delete(receiver);
      if (!members.size) groups().delete(group);
    },
  };
}

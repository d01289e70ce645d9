/** Choices kept on this machine. Where a browser refuses to keep them, they last as long as the page. */
const fallback = new Map<string, string>();

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`riffle ${name}`);
  } catch {
    return fallback.get(name) ?? null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`riffle ${name}`, value);
  } catch {
    fallback.set(name, value);
  }
}

/** Where the run lies (`s3://…`), as `riffle browse` tells the page that it serves; empty on all other servers. */
export function runPlace(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="riffle-run"]')?.content ?? '';
}

export async function shares(): Promise<void> {}

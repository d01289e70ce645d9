/** Tasks of one group: a history of up to 3,100 events (fewer where tasks end together), and one group manifest. */
export const groupTasks = 500;

/** The group that a task of a pass belongs to; groups are numbered from 0. */
export function groupOf(task: number): number {
  return Math.floor(task / groupTasks);
}

/** Groups of a pass of so many tasks. */
export function groupCount(tasks: number): number {
  return Math.ceil(tasks / groupTasks);
}

/** Tasks [first, end) of a group. */
export function tasksOf(group: number, tasks: number): { first: number; end: number } {
  return { first: group * groupTasks, end: Math.min((group + 1) * groupTasks, tasks) };
}

/** A set of small whole numbers as hex digits, four numbers a digit: short enough to cross Temporal. */
export function encodeSet(members: ReadonlySet<number>): string {
  const digits: number[] = [];
  for (const member of members) {
    const digit = Math.floor(member / 4);
    while (digits.length <= digit) digits.push(0);
    digits[digit]! += 2 ** (member % 4);
  }
  return digits.map((digit) => digit.toString(16)).join('');
}

/** @param set as `encodeSet` wrote it */
export function decodeSet(set: string): Set<number> {
  const members = new Set<number>();
  for (const [position, digit] of [...set].entries()) {
    for (let bit = 0; bit < 4; bit++) {
      if ((Number.parseInt(digit, 16) >> bit) & 1) members.add(position * 4 + bit);
    }
  }
  return members;
}

// One employee's life in the company, made up: who they are, what they did, earned and where they worked.
// Invariant: everything follows from the stream of numbers given; no clock, no locale, no other source.
import type { Random } from './random.ts';
import { careers, departments, firstNames, lastNames } from './words.ts';

/** A time span of dates (YYYY-MM-DD); `toDate` null: it goes on. */
export interface Period {
  readonly fromDate: string;
  readonly toDate: string | null;
}

/** A made-up employee with what hangs on them. */
export interface Career {
  readonly birthDate: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly gender: 'F' | 'M' | 'X';
  readonly hireDate: string;
  readonly salaries: readonly (Period & { readonly salary: number })[];
  readonly titles: readonly (Period & { readonly title: string })[];
  readonly departments: readonly (Period & { readonly deptNo: string })[];
}

// Days since 1970-01-01. The sample ends on a fixed day, because a sample that depends on today differs every
// day.
const firstHire = 7_305; // 1990-01-01
const lastDay = 20_454; // 2026-01-01
const year = 365;

/** Makes up the next employee. */
export function nextCareer(random: Random): Career {
  const gender = random.happens(2) ? 'X' : random.pick(['F', 'M'] as const);
  const hired = random.integer(firstHire, lastDay - 30);
  const left = random.happens(25) ? random.integer(hired + 30, lastDay + 10 * year) : lastDay;
  const end = left >= lastDay ? undefined : left;
  return {
    birthDate: dateOf(hired - random.integer(19 * year, 45 * year)),
    firstName: random.pick(firstNames[gender]),
    lastName: random.pick(lastNames),
    gender,
    hireDate: dateOf(hired),
    salaries: salariesOf(random, hired, end),
    titles: titlesOf(random, hired, end),
    departments: departmentsOf(random, hired, end),
  };
}

function salariesOf(random: Random, hired: number, end: number | undefined): Career['salaries'] {
  const starts = [hired];
  const last = end ?? lastDay;
  for (let day = hired + year; day < last && starts.length < 12; day += random.integer(1, 3) * year) {
    starts.push(day);
  }
  let salary = random.integer(34_000, 72_000);
  return periodsOf(starts, end).map((period) => {
    const paid = salary;
    salary = Math.floor((salary * random.integer(1_005, 1_080)) / 1_000);
    return { ...period, salary: paid };
  });
}

function titlesOf(random: Random, hired: number, end: number | undefined): Career['titles'] {
  const path = random.pick(careers);
  const starts = [hired];
  let day = hired + random.integer(2, 8) * year;
  while (day < (end ?? lastDay) && starts.length < path.length) {
    starts.push(day);
    day += random.integer(2, 8) * year;
  }
  return periodsOf(starts, end).map((period, at) => ({ ...period, title: path[at] ?? path[0] }));
}

function departmentsOf(random: Random, hired: number, end: number | undefined): Career['departments'] {
  const first = random.integer(0, departments.length - 1);
  const moved = hired + random.integer(1, 10) * year;
  const moves = random.happens(15) && moved < (end ?? lastDay);
  const second = (first + random.integer(1, departments.length - 1)) % departments.length;
  const places = moves ? [first, second] : [first];
  return periodsOf(moves ? [hired, moved] : [hired], end).map((period, at) => ({
    ...period,
    deptNo: (departments[places[at] ?? first] ?? departments[0])[0],
  }));
}

function periodsOf(starts: readonly number[], end: number | undefined): Period[] {
  return starts.map((start, at) => {
    const until = starts[at + 1] ?? end;
    return { fromDate: dateOf(start), toDate: until === undefined ? null : dateOf(until) };
  });
}

function dateOf(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}

// The bell of workers. Invariant: it is the one of the house.
export { Bell } from '../core/bell.ts';

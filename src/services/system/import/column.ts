// The types of the columns of a new table, guessed from all of their values. Invariant: a type is guessed
// only when it keeps every value as it was written; whatever is in doubt stays text.

/** A field as `_schema` takes it. */
export interface GuessedField {
  readonly name: string;
  readonly type: string;
  readonly [setting: string]: unknown;
}

const integer = /^(?:0|-?[1-9]\d*)$/;
const decimal = /^-?(?:0|[1-9]\d*)\.\d+$/;
const day = /^(\d{4})-(\d{2})-(\d{2})$/;
const moment = /^(\d{4}-\d{2}-\d{2})[ T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;
const truth = /^(?:true|false)$/i;

// All digits of them fit into what databases keep in four, and in eight bytes.
const integerDigits = 9;
const bigDigits = 18;
const decimalDigits = 38;
const stringChars = 255;

/** One column, as its values come. */
export class Column {
  readonly name: string;
  #count = 0;
  #hasEmpty = false;
  #longest = 0;
  #whole = 0;
  #fraction = 0;
  readonly #distinct = new Set<string>();
  readonly #can = { boolean: true, integer: true, decimal: true, date: true, datetime: true };

  constructor(name: string) {
    this.name = name;
  }

  /** Looks at a value; an empty one says nothing but that there is none. */
  see(value: string): void {
    if (value === '') {
      this.#hasEmpty = true;
      return;
    }
    this.#count++;
    this.#longest = Math.max(this.#longest, [...value].length);
    const can = this.#can;
    can.boolean &&= truth.test(value);
    can.integer &&= integer.test(value);
    can.decimal &&= integer.test(value) || decimal.test(value);
    can.date &&= isDay(value);
    can.datetime &&= isMoment(value);
    if (can.decimal) this.#measure(value);
    if (this.#isKeyName) this.#distinct.add(value);
  }

  /** Whether values are stored as true and false. */
  get isBoolean(): boolean {
    return this.#count > 0 && this.#can.boolean;
  }

  /** Whether its values tell rows apart: whole numbers under the name `id`, none missing, none twice. */
  get isKey(): boolean {
    const isWhole = this.#count > 0 && this.#can.integer && this.#whole <= bigDigits && !this.#hasEmpty;
    return this.#isKeyName && isWhole && this.#distinct.size === this.#count;
  }

  /** The field to be made. */
  field(): GuessedField {
    const { name } = this;
    if (this.isKey) return { name, ...this.#number(), is_primary_key: true, allow_null: false };
    return { name, ...this.#kind(), allow_null: true };
  }

  get #isKeyName(): boolean {
    return this.name.toLowerCase() === 'id';
  }

  #kind(): { type: string; [setting: string]: unknown } {
    const can = this.#can;
    if (this.#count === 0) return { type: 'string', length: stringChars };
    if (can.boolean) return { type: 'boolean' };
    if (can.decimal && this.#whole + this.#fraction <= decimalDigits) return this.#number();
    if (can.date) return { type: 'date' };
    if (can.datetime) return { type: 'datetime' };
    return this.#longest <= stringChars ? { type: 'string', length: stringChars } : { type: 'text' };
  }

  #number(): { type: string; [setting: string]: unknown } {
    const { integer: isWhole } = this.#can;
    if (isWhole && this.#whole <= integerDigits) return { type: 'integer' };
    if (isWhole && this.#whole <= bigDigits) return { type: 'bigint' };
    return { type: 'decimal', precision: this.#whole + this.#fraction, scale: this.#fraction };
  }

  #measure(value: string): void {
    const [whole = '', fraction = ''] = value.replace('-', '').split('.');
    this.#whole = Math.max(this.#whole, whole.length);
    this.#fraction = Math.max(this.#fraction, fraction.length);
  }
}

function isDay(value: string): boolean {
  const [, year = '', month = '', date = ''] = day.exec(value) ?? [];
  if (year === '' || Number(year) < 1000) return false;
  const known = new Date(Date.UTC(Number(year), Number(month) - 1, Number(date)));
  return known.getUTCMonth() === Number(month) - 1 && known.getUTCDate() === Number(date);
}

function isMoment(value: string): boolean {
  const [, date = ''] = moment.exec(value) ?? [];
  return date !== '' && isDay(date);
}

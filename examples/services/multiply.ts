// A service of type typescript: GET /api/v2/math/multiply?n1=6&n2=7 answers {"result":42}.
interface Factors {
  readonly n1?: string;
  readonly n2?: string;
}

function factor(name: keyof Factors): number {
  const value = Number((event.request.parameters as Factors)[name]);
  if (Number.isFinite(value)) return value;
  throw Object.assign(new Error(`The parameter ${name} must be a number.`), { status: 400 });
}

if (event.resource !== 'multiply') {
  throw Object.assign(new Error(`There is no '${event.resource}'; try multiply?n1=6&n2=7.`), { status: 404 });
}

return { result: factor('n1') * factor('n2') };

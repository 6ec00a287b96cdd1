// A service of type nodejs: GET /api/v2/math/multiply?n1=6&n2=7 answers {"result":42}.
const { n1, n2 } = event.request.parameters;

if (event.resource !== 'multiply') {
  throw Object.assign(new Error(`There is no '${event.resource}'; try multiply?n1=6&n2=7.`), { status: 404 });
}
if (!Number.isFinite(Number(n1)) || !Number.isFinite(Number(n2))) {
  throw Object.assign(new Error('The parameters n1 and n2 must be numbers.'), { status: 400 });
}

return { result: Number(n1) * Number(n2) };

# A service of type python3: GET /api/v2/math/multiply?n1=6&n2=7 answers {"result":42}.
if event.resource != 'multiply':
    message = "There is no '%s'; try multiply?n1=6&n2=7." % event.resource
    return {'content': {'error': {'message': message}}, 'status_code': 404}

try:
    n1 = int(event.request.parameters['n1'])
    n2 = int(event.request.parameters['n2'])
except (KeyError, ValueError):
    message = 'The parameters n1 and n2 must be whole numbers.'
    return {'content': {'error': {'message': message}}, 'status_code': 400}

return {'result': n1 * n2}

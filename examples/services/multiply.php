<?php
// A service of type php: GET /api/v2/math/multiply?n1=6&n2=7 answers {"result":42}.
if ($event['resource'] !== 'multiply') {
    throw new \DreamFactory\Core\Exceptions\NotFoundException(
        "There is no '{$event['resource']}'; try multiply?n1=6&n2=7."
    );
}

$n1 = $event['request']['parameters']['n1'] ?? null;
$n2 = $event['request']['parameters']['n2'] ?? null;
if (!is_numeric($n1) || !is_numeric($n2)) {
    throw new \DreamFactory\Core\Exceptions\BadRequestException('The parameters n1 and n2 must be numbers.');
}

return ['result' => $n1 * $n2];

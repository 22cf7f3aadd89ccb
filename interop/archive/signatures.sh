# Signatures as openssl and cosign judge them, by the commands of format/SPEC.md and of README.md
# in the archive. Sourced by check.

COSIGN=v3.1.3 # github.com/sigstore/cosign/v3

# cosign_tool: the real cosign, offline. It is a large build, so it is tried once and then kept, and not optimised,
# which is a third of the time.
cosign_tool() {
	local dir=$cache/cosign/$COSIGN
	if [ ! -x "$dir/cosign" ]; then
		mkdir -p "$dir"
		GOBIN=$dir timeout "${EXITRAMP_COSIGN_TIMEOUT:-3000}" nice go install -gcflags='all=-N -l' -gcflags=std= -ldflags='-s -w' "github.com/sigstore/cosign/v3/cmd/cosign@$COSIGN" >"$work/log" 2>&1 ||
			{ tail -n 5 "$work/log" >&2; return 1; }
	fi
	cosign=$dir/cosign
}

# by_openssl KEY: the steps of SPEC.md in the folder of an archive; prints openssl's line. It
# fails where the signature is not by the key or not about the manifest.
by_openssl() {
	local spec=$root/format/SPEC.md verify='openssl dgst'
	[[ $(openssl pkey -pubin -in "$1" -noout -text) != *ED25519* ]] || verify='openssl pkeyutl'
	bash -euo pipefail -c "$(judge step "$spec" 'B=attestations/1')
$(judge step "$spec" '> statement')
$(judge step "$spec" '> signature')
$(judge step "$spec" '> signed')
$(judge step "$spec" 'grep -F') > /dev/null || { echo 'the statement is about another manifest.json'; exit 1; }
KEY=$1
$(judge step "$spec" "$verify" | sed 's/KEY/$KEY/') 2>&1"
}

# by_cosign KEY: what cosign says by the command of the archive's README.md, without the network.
by_cosign() {
	local cmd
	cmd=$(judge step README.md 'cosign verify-blob-attestation')
	PATH=$(dirname "$cosign"):$PATH KEY=$1 TUF_ROOT=$work/tuf HTTPS_PROXY=http://127.0.0.1:1 bash -c "${cmd/--key KEY/--key \"\$KEY\"}" 2>&1
}

# judged NAME KEY WANT: WANT is good or bad; each judge says so, in its own words.
judged() {
	local j out rc
	for j in openssl cosign; do
		[ "$j" = openssl ] || [ -n "$cosign" ] || continue
		rc=0
		out=$("by_$j" "$2") || rc=$?
		printf '%-34s %-8s %s: %s\n' "$1" "$j" "$([ "$rc" = 0 ] && echo accepts || echo refuses)" "$(tail -n 1 <<<"$out" | cut -c1-160)"
		if [ "$3" = good ]; then
			[ "$rc" = 0 ] || fail "$1: $j refuses a good signature: $out"
		else
			[ "$rc" != 0 ] || fail "$1: $j takes a bad signature"
		fi
	done
}

# flipped FILE OFFSET: changes one byte.
flipped() {
	local was
	was=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\x$(printf %02x $((was ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# signed NAME KEY PUBLIC: signs a copy of the plain archive, inside and beside it, and has both judged.
signed() {
	local name=$1 key=$2 pub=$3 dir=$work/signed bag
	rm -rf "$dir"
	mkdir "$dir"
	cp "$work/plain.ctxa" "$dir/a.ctxa"
	run sign "$dir/a.ctxa" --key "$key" --detached
	run sign "$dir/a.ctxa" --key "$key"
	run verify "$dir/a.ctxa" --trust "$pub"
	unzip -q "$dir/a.ctxa" -d "$dir/bag"
	bag=$(echo "$dir"/bag/ctxa-*)
	tools "$dir/a.ctxa" "$bag" # still a zip and a bag for everybody
	cd "$bag"
	bash -c "$(judge step README.md 'sha256sum -c')" >"$work/log" || fail "$name: sha256sum -c after signing"
	judged "$name" "$pub" good
	judged "$name, another key" "$work/stranger.pub" bad
	cp -r "$bag" "$dir/kept"
	flipped manifest.json 20
	judged "$name, manifest.json changed" "$pub" bad
	# The statement says so, too, under the old signature.
	judge tamper statement "$dir/kept/attestations/1.sigstore.json" attestations/1.sigstore.json manifest.json
	judged "$name, statement changed" "$pub" bad
	cp "$dir/kept/manifest.json" .
	judge tamper signature "$dir/kept/attestations/1.sigstore.json" attestations/1.sigstore.json
	judged "$name, signature changed" "$pub" bad
	cp "$dir/a.ctxa.sigstore.json" attestations/1.sigstore.json
	judged "$name, detached" "$pub" good
	cd "$here"
}

# authority FOLDER: certificates of a time stamp authority and of who certifies it.
authority() {
	mkdir -p "$1"
	cat >"$1/conf" <<-'CONF'
		[req]
		distinguished_name = dn
		prompt = no
		[dn]
		CN = interop
		[ca]
		basicConstraints = critical,CA:TRUE
		keyUsage = critical,keyCertSign
		[stamp]
		basicConstraints = CA:FALSE
		keyUsage = critical,digitalSignature
		extendedKeyUsage = critical,timeStamping
		[tsa]
		default_tsa = one
		[one]
		serial = serial
		crypto_device = builtin
		signer_digest = sha256
		default_policy = 1.2.3.4
		digests = sha256
		ess_cert_id_alg = sha256
	CONF
	(
		cd "$1"
		echo 01 >serial
		openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -config conf -extensions ca -days 30
		openssl req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -config conf -subj /CN=stamps
		openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -days 30 -extfile conf -extensions stamp
	) >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "openssl makes no authority"; }
}

# timestamps: a signature is stamped by openssl's authority, asked over HTTP, and judged by
# openssl, cosign and exitramp; the certificate of another authority does not do.
timestamps() {
	local dir=$work/stamped port pid rc bag
	authority "$work/tsa"
	authority "$work/tsa2"
	mkdir "$dir"
	python3 "$here/judge.py" tsa "$work/tsa" >"$dir/port" &
	pid=$!
	for _ in $(seq 100); do
		[ ! -s "$dir/port" ] || break
		sleep 0.1
	done
	port=$(cat "$dir/port")
	cp "$work/plain.ctxa" "$dir/a.ctxa"
	cp "$work/plain.ctxa" "$dir/b.ctxa"
	rc=0
	"$EXITRAMP_BIN" sign "$dir/a.ctxa" --key "$work/p256.key" --tsa "http://127.0.0.1:$port" --tsa-cert "$work/tsa/ca.pem" >"$work/log" 2>&1 || rc=$?
	"$EXITRAMP_BIN" sign "$dir/b.ctxa" --key "$work/p256.key" --tsa "http://127.0.0.1:$port" --tsa-cert "$work/tsa2/ca.pem" >"$dir/log" 2>&1 && rc=99
	kill "$pid"
	wait "$pid" 2>/dev/null || true
	[ "$rc" = 0 ] || { cat "$work/log" "$dir/log" >&2; fail "sign --tsa: $rc"; }
	"$EXITRAMP_BIN" verify "$dir/a.ctxa" --trust "$work/p256.key.pub" --tsa-cert "$work/tsa/ca.pem" | grep '^AUTHENTICITY .* at 20' || fail "verify --tsa-cert"
	rc=0
	"$EXITRAMP_BIN" verify "$dir/a.ctxa" --trust "$work/p256.key.pub" --tsa-cert "$work/tsa2/ca.pem" --json >"$work/log" 2>&1 || rc=$?
	[ "$rc" = 5 ] && grep -q '"class": "timestamp"' "$work/log" || fail "another authority: exit code $rc, $(cat "$work/log")"
	unzip -q "$dir/a.ctxa" -d "$dir/bag"
	bag=$(echo "$dir"/bag/ctxa-*)
	cd "$bag"
	judged "P-256, time stamp" "$work/p256.key.pub" good
	judge stamp attestations/1.sigstore.json stamp
	openssl ts -verify -data signature -in stamp -CAfile "$work/tsa/ca.pem" -untrusted "$work/tsa/tsa.pem" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "openssl refuses the time stamp"; }
	printf '%-34s %-8s accepts: %s\n' "P-256, time stamp itself" openssl "$(tail -n 1 "$work/log")"
	flipped signature 20
	! openssl ts -verify -data signature -in stamp -CAfile "$work/tsa/ca.pem" -untrusted "$work/tsa/tsa.pem" >"$work/log" 2>&1 || fail "openssl takes the stamp of another signature"
	printf '%-34s %-8s refuses: %s\n' "P-256, stamp of another signature" openssl "$(grep -m1 -i 'verification' "$work/log")"
	cd "$here"
}

# drill_says TYPE FILE WANT NAME: what cosign and openssl say of the statement that a drill left, about FILE.
drill_says() {
	local j out rc want=$3
	for j in cosign openssl; do
		rc=0
		if [ "$j" = cosign ]; then
			[ -n "$cosign" ] || continue
			out=$(TUF_ROOT=$work/tuf HTTPS_PROXY=http://127.0.0.1:1 "$cosign" verify-blob-attestation --key "$work/p256.key.pub" --bundle "$dir/q.sigstore.json" \
				--insecure-ignore-tlog --type "$1" "$2" 2>&1) || rc=$?
		else
			out=$(python3 "$here/judge.py" dsse "$dir/q.sigstore.json" "$dir/signed" "$dir/signature" "$dir/statement" &&
				openssl dgst -sha256 -verify "$work/p256.key.pub" -signature "$dir/signature" "$dir/signed" 2>&1 &&
				{ grep -qF "\"predicateType\": \"$1\"" "$dir/statement" && grep -qF "$(sha256sum "$2" | cut -c1-64)" "$dir/statement" ||
					{ echo "the statement is of another type, or about another file" && false; }; }) || rc=$?
		fi
		printf '%-34s %-8s %s: %s\n' "drill, $4" "$j" "$([ "$rc" = 0 ] && echo accepts || echo refuses)" "$(tail -n 1 <<<"$out" | cut -c1-160)"
		if [ "$want" = good ]; then [ "$rc" = 0 ] || fail "drill, $4: $j refuses: $out"; else [ "$rc" != 0 ] || fail "drill, $4: $j accepts"; fi
	done
}

# drill_statement: the statement of a drill is checked as a signature of an archive is: about the
# manifest, and about each file that was made of it.
drill_statement() {
	local dir=$work/drill rc=0 type=https://github.com/exitramp/exitramp/exit-drill/v1
	mkdir "$dir"
	cat >"$dir/plan.yaml" <<-PLAN
		{name: q, exercise: true, scenario: interop, mode: planned, level: L1, source: "langgraph+sqlite:$root/cmd/exitramp/demo/support.sqlite",
		 archive: "$dir/q.ctxa", output: "$dir", keys: {sign: "$work/p256.key"}}
	PLAN
	"$EXITRAMP_BIN" drill "$dir/plan.yaml" >"$work/log" 2>&1 || rc=$?
	[ "$rc" = 4 ] && grep -q '^PARTIAL at L1' "$work/log" || fail "drill: exit code $rc, $(cat "$work/log")"
	unzip -qj "$dir/q.ctxa" '*/manifest.json' -d "$dir"
	unzip -q "$dir/q.evidence.zip" -d "$dir/pack"
	(cd "$dir/pack" && sha256sum --quiet -c SHA256SUMS) || fail "drill: the files of the pack"
	drill_says "$type" "$dir/manifest.json" good "manifest.json"
	drill_says "$type" "$dir/pack/report.html" good "report.html"
	drill_says https://example.org/other "$dir/manifest.json" bad "another type"
	cp "$dir/q.sigstore.json" "$dir/kept"
	flipped "$dir/manifest.json" 20
	drill_says "$type" "$dir/manifest.json" bad "manifest.json changed"
	flipped "$dir/manifest.json" 20
	python3 "$here/judge.py" tamper verdict "$dir/kept" "$dir/q.sigstore.json"
	drill_says "$type" "$dir/manifest.json" bad "verdict changed"
}

signatures() {
	cosign=
	cosign_tool || EXITRAMP_INTEROP_ALLOW_SKIP=${EXITRAMP_COSIGN_OPTIONAL:-${EXITRAMP_INTEROP_ALLOW_SKIP:-0}} missing "cosign $COSIGN cannot be built: signatures are judged by openssl alone"
	openssl version
	[ -z "$cosign" ] || "$cosign" version 2>&1 | grep -E '^GitVersion' || echo "cosign $COSIGN"
	run keygen --sign -o "$work/p256.key"
	run keygen --sign --ed25519 -o "$work/ed25519.key"
	run keygen --sign -o "$work/stranger.key"
	sed '/^#/d' "$work/stranger.key.pub" >"$work/stranger.pub"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/openssl.key" 2>/dev/null
	openssl pkey -in "$work/openssl.key" -pubout -out "$work/openssl.key.pub"
	signed P-256 "$work/p256.key" "$work/p256.key.pub"
	signed Ed25519 "$work/ed25519.key" "$work/ed25519.key.pub"
	signed "P-256 of openssl" "$work/openssl.key" "$work/openssl.key.pub"
	timestamps
	drill_statement
}

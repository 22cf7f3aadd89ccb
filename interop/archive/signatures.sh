# Signatures as openssl and cosign judge them, by the commands of format/SPEC.md and of README.md
# in the archive. Sourced by check.

COSIGN=v3.1.3 # github.com/sigstore/cosign/v3

# cosign_tool: the real cosign, offline. It is a large build, so it is tried once and then kept.
cosign_tool() {
	local dir=$cache/cosign/$COSIGN
	if [ ! -x "$dir/cosign" ]; then
		mkdir -p "$dir"
		GOBIN=$dir timeout "${EXITRAMP_COSIGN_TIMEOUT:-3000}" nice go install "github.com/sigstore/cosign/v3/cmd/cosign@$COSIGN" >"$work/log" 2>&1 ||
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

signatures() {
	cosign=
	cosign_tool || missing "cosign $COSIGN cannot be built: signatures are judged by openssl alone"
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
}

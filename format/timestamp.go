package format

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// maxTimestamp is the greatest answer of a time stamp authority.
const maxTimestamp = 32 << 10

// ParseTSA reads certificates of time stamp authorities, or of who certifies them, in PEM.
func ParseTSA(r io.Reader) ([]*x509.Certificate, error) {
	b, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	var out []*x509.Certificate
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		b = rest
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("format: PEM block %.40q: want CERTIFICATE", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("format: not a certificate of X.509")
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("format: no certificates of a time stamp authority: want PEM")
	}
	return out, nil
}

// The parts of RFC 3161 and RFC 5652 that a time stamp is made of.
type (
	tsImprint struct {
		Alg  pkix.AlgorithmIdentifier
		Hash []byte
	}
	tsRequest struct {
		Version int
		Imprint tsImprint
		Nonce   *big.Int
		CertReq bool
	}
	tsResponse struct {
		Status struct {
			Status int
			Text   []asn1.RawValue `asn1:"optional"`
			Fail   asn1.BitString  `asn1:"optional"`
		}
		Token asn1.RawValue `asn1:"optional"`
	}
	tsInfo struct {
		Version  int
		Policy   asn1.ObjectIdentifier
		Imprint  tsImprint
		Serial   *big.Int
		Time     asn1.RawValue
		Accuracy struct {
			Seconds int `asn1:"optional"`
			Millis  int `asn1:"optional,tag:0"`
			Micros  int `asn1:"optional,tag:1"`
		} `asn1:"optional"`
		Ordering   bool          `asn1:"optional"`
		Nonce      *big.Int      `asn1:"optional"`
		TSA        asn1.RawValue `asn1:"optional,explicit,tag:0"`
		Extensions asn1.RawValue `asn1:"optional,tag:1"`
	}
	cmsContent struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	cmsSigned struct {
		Version int
		Digests asn1.RawValue
		Inner   struct {
			Type    asn1.ObjectIdentifier
			Content []byte `asn1:"explicit,tag:0"`
		}
		Certs   asn1.RawValue `asn1:"optional,tag:0"`
		CRLs    asn1.RawValue `asn1:"optional,tag:1"`
		Signers []cmsSigner   `asn1:"set"`
	}
	cmsSigner struct {
		Version int
		By      struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest    pkix.AlgorithmIdentifier
		Attrs     asn1.RawValue `asn1:"tag:0"`
		Alg       pkix.AlgorithmIdentifier
		Signature []byte
		Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
	}
	cmsAttr struct {
		Type   asn1.ObjectIdentifier
		Values asn1.RawValue `asn1:"set"`
	}
	essCert struct {
		Alg    pkix.AlgorithmIdentifier `asn1:"optional"`
		Hash   []byte
		Issuer asn1.RawValue `asn1:"optional"`
	}
	essCerts struct {
		Certs    []essCert
		Policies asn1.RawValue `asn1:"optional"`
	}
)

func oid(n ...int) asn1.ObjectIdentifier { return n }

func oidSHA256() asn1.ObjectIdentifier     { return oid(2, 16, 840, 1, 101, 3, 4, 2, 1) }
func oidSigned() asn1.ObjectIdentifier     { return oid(1, 2, 840, 113549, 1, 7, 2) }
func oidTSTInfo() asn1.ObjectIdentifier    { return oid(1, 2, 840, 113549, 1, 9, 16, 1, 4) }
func oidAttrType() asn1.ObjectIdentifier   { return oid(1, 2, 840, 113549, 1, 9, 3) }
func oidAttrDigest() asn1.ObjectIdentifier { return oid(1, 2, 840, 113549, 1, 9, 4) }
func oidAttrCert() asn1.ObjectIdentifier   { return oid(1, 2, 840, 113549, 1, 9, 16, 2, 12) }
func oidAttrCert2() asn1.ObjectIdentifier  { return oid(1, 2, 840, 113549, 1, 9, 16, 2, 47) }

// timestampRequest asks for a time stamp over a signature.
func timestampRequest(sig []byte) ([]byte, *big.Int, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(sig)
	b, err := asn1.Marshal(tsRequest{1, tsImprint{pkix.AlgorithmIdentifier{Algorithm: oidSHA256(), Parameters: asn1.NullRawValue}, sum[:]}, nonce, true})
	return b, nonce, err
}

// token is a time stamp, taken apart. What it says is not checked yet.
type token struct {
	info   tsInfo
	inner  []byte // the bytes of info
	at     time.Time
	certs  []*x509.Certificate
	signer cmsSigner
}

// parseTimestamp takes the answer of an authority, a TimeStampResp in DER, apart.
func parseTimestamp(raw []byte) (*token, error) {
	var resp tsResponse
	if err := whole(asn1.Unmarshal(raw, &resp)); err != nil {
		return nil, errors.New("not a TimeStampResp of RFC 3161")
	}
	if s := resp.Status.Status; s != 0 && s != 1 {
		return nil, fmt.Errorf("the authority refused: status %d", s)
	}
	var content cmsContent
	var signed cmsSigned
	if err := whole(asn1.Unmarshal(resp.Token.FullBytes, &content)); err != nil || !content.Type.Equal(oidSigned()) {
		return nil, errors.New("no signed token in it")
	}
	if err := whole(asn1.Unmarshal(content.Content.Bytes, &signed)); err != nil || !signed.Inner.Type.Equal(oidTSTInfo()) || len(signed.Signers) != 1 {
		return nil, errors.New("the token is no time stamp of one signer")
	}
	t := &token{inner: signed.Inner.Content, signer: signed.Signers[0]}
	if err := whole(asn1.Unmarshal(t.inner, &t.info)); err != nil {
		return nil, errors.New("the token has no TSTInfo")
	}
	var err error
	if t.at, err = time.Parse("20060102150405.999999999Z", string(t.info.Time.Bytes)); err != nil || t.info.Time.Tag != asn1.TagGeneralizedTime {
		return nil, errors.New("the token has no time in UTC")
	}
	if len(signed.Certs.Bytes) > 0 {
		if t.certs, err = x509.ParseCertificates(signed.Certs.Bytes); err != nil {
			return nil, errors.New("the certificates in the token are not valid")
		}
	}
	return t, nil
}

func whole(rest []byte, err error) error {
	if err == nil && len(rest) > 0 {
		return errors.New("bytes behind the end")
	}
	return err
}

// check tells whether the token is over sig, and by an authority that one of roots is or has
// certified.
func (t *token) check(sig []byte, roots []*x509.Certificate) error {
	sum := sha256.Sum256(sig)
	if !t.info.Imprint.Alg.Algorithm.Equal(oidSHA256()) || !bytes.Equal(t.info.Imprint.Hash, sum[:]) {
		return errors.New("it is over another signature")
	}
	cert := t.find(roots)
	if cert == nil {
		return errors.New("the certificate of its authority is not at hand")
	}
	if err := t.attributes(cert); err != nil {
		return err
	}
	alg := signatureOf(cert.PublicKey, hashOf(t.signer.Digest.Algorithm))
	attrs := append([]byte{0x31}, t.signer.Attrs.FullBytes[1:]...) // as a SET: RFC 5652 §5.4
	if alg == x509.UnknownSignatureAlgorithm || cert.CheckSignature(alg, attrs, t.signer.Signature) != nil {
		return errors.New("its signature is not by its authority")
	}
	trust, others := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range roots {
		trust.AddCert(c)
	}
	for _, c := range t.certs {
		others.AddCert(c)
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: trust, Intermediates: others, CurrentTime: t.at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	if err != nil {
		return errors.New("its authority is none of the trusted ones, may not stamp times, or did not then")
	}
	return nil
}

// find is the certificate that the signer names.
func (t *token) find(more []*x509.Certificate) *x509.Certificate {
	for _, list := range [][]*x509.Certificate{t.certs, more} {
		for _, c := range list {
			if bytes.Equal(c.RawIssuer, t.signer.By.Issuer.FullBytes) && c.SerialNumber.Cmp(t.signer.By.Serial) == 0 {
				return c
			}
		}
	}
	return nil
}

// attributes checks what is signed: it is about this content, and names the certificate.
func (t *token) attributes(cert *x509.Certificate) error {
	hash := hashOf(t.signer.Digest.Algorithm)
	if hash == 0 {
		return errors.New("it is signed over a digest that is not known here")
	}
	h := hash.New()
	h.Write(t.inner)
	typ, err := asn1.Marshal(oidTSTInfo())
	if err != nil {
		return err
	}
	digest, err := asn1.Marshal(h.Sum(nil))
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for rest := t.signer.Attrs.Bytes; len(rest) > 0; {
		var a cmsAttr
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return errors.New("its signed attributes are not valid")
		}
		ok := true
		switch {
		case a.Type.Equal(oidAttrType()):
			ok = bytes.Equal(a.Values.Bytes, typ)
			seen["type"]++
		case a.Type.Equal(oidAttrDigest()):
			ok = bytes.Equal(a.Values.Bytes, digest)
			seen["digest"]++
		case a.Type.Equal(oidAttrCert()), a.Type.Equal(oidAttrCert2()):
			ok = namesCert(a.Values.Bytes, cert, a.Type.Equal(oidAttrCert()))
			seen["cert"]++
		}
		if !ok {
			return errors.New("its signed attributes are about something else")
		}
	}
	if seen["type"] != 1 || seen["digest"] != 1 || seen["cert"] == 0 {
		return errors.New("signed attributes are missing")
	}
	return nil
}

// namesCert tells whether the first certificate that a signingCertificate attribute names is cert.
func namesCert(b []byte, cert *x509.Certificate, old bool) bool {
	var ess essCerts
	if err := whole(asn1.Unmarshal(b, &ess)); err != nil || len(ess.Certs) == 0 {
		return false
	}
	first := ess.Certs[0]
	switch hash := hashOf(first.Alg.Algorithm); {
	case old: // SHA-1, by RFC 2634; what binds is the signature
		sum := sha1.Sum(cert.Raw)
		return bytes.Equal(first.Hash, sum[:])
	case first.Alg.Algorithm == nil:
		sum := sha256.Sum256(cert.Raw)
		return bytes.Equal(first.Hash, sum[:])
	case hash != 0:
		h := hash.New()
		h.Write(cert.Raw)
		return bytes.Equal(first.Hash, h.Sum(nil))
	}
	return false
}

func hashOf(o asn1.ObjectIdentifier) crypto.Hash {
	for n, h := range map[int]crypto.Hash{1: crypto.SHA256, 2: crypto.SHA384, 3: crypto.SHA512} {
		if o.Equal(oid(2, 16, 840, 1, 101, 3, 4, 2, n)) {
			return h
		}
	}
	return 0
}

// signatureOf is how a key of this type signs over a digest of this hash.
func signatureOf(key crypto.PublicKey, h crypto.Hash) x509.SignatureAlgorithm {
	switch key.(type) {
	case *rsa.PublicKey:
		return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA}[h]
	case *ecdsa.PublicKey:
		return map[crypto.Hash]x509.SignatureAlgorithm{crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512}[h]
	}
	return x509.UnknownSignatureAlgorithm
}

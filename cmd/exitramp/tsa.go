package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

// timestamper asks the time stamp authority at rawURL, as RFC 3161 §3.4 has it.
func timestamper(rawURL string) (func(ctx context.Context, request []byte) ([]byte, error), error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("--tsa: want the URL of a time stamp authority, http:// or https://")
	}
	client := &http.Client{Timeout: 30 * time.Second}
	return func(ctx context.Context, request []byte) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, bytes.NewReader(request))
		if err != nil {
			return nil, usagef("--tsa: not a valid URL") // err has it whole
		}
		req.Header.Set("Content-Type", "application/timestamp-query")
		resp, err := client.Do(req)
		if err != nil {
			var ue *url.Error
			if errors.As(err, &ue) { // has the URL in it
				err = ue.Err
			}
			return nil, fmt.Errorf("%s: %w", exporters.Redact(rawURL), err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", exporters.Redact(rawURL), err)
		case resp.StatusCode != http.StatusOK:
			return nil, fmt.Errorf("%s answers %s", exporters.Redact(rawURL), resp.Status)
		}
		return b, nil
	}, nil
}

// readTSA reads certificates of authorities.
func readTSA(paths []string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		cs, err := format.ParseTSA(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, cs...)
	}
	return out, nil
}

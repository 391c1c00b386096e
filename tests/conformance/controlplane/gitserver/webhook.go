package gitserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Webhook is an address that is told of pushes, and the secret that signs what it is told.
type Webhook struct{ URL, Token string }

// Sign is the value of the header X-Signature for a body, as Flux's Receivers of type generic-hmac check it
// (notification-controller 1.9).
func Sign(body []byte, token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (w *Webhook) send() error {
	body := []byte(`{"event":"push"}`)
	request, err := http.NewRequest(http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Signature", Sign(body, w.Token))
	client := &http.Client{Timeout: 5 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("webhook %s: %s: %s", w.URL, answer.Status, text)
	}
	return nil
}

/**
 * What error messages of the API say in German, for the pages. The API itself stays English. `{name}` is a placeholder; the
 * message of a field continues a sentence that begins with the name of the field.
 */
export const messages: Readonly<Record<string, string>> = {
  'You are signed out. Sign in again to continue.': 'Du bist abgemeldet. Melde dich wieder an, um fortzufahren.',
  'The e-mail address or the password is wrong.': 'Die E-Mail-Adresse oder das Passwort ist falsch.',
  'This link is no longer valid: it has been used or has expired. Ask for a new one.':
    'Dieser Link ist nicht mehr gültig: Er wurde schon verwendet oder ist abgelaufen. Fordere einen neuen an.',
  'Too many failed attempts. Try again in {seconds} seconds.':
    'Zu viele Fehlversuche. Versuche es in {seconds} Sekunden noch einmal.',
  'Too many client registrations. Try again in {seconds} seconds.':
    'Zu viele Registrierungen von Apps. Versuche es in {seconds} Sekunden noch einmal.',
  'Too many e-mail address changes. Try again in {seconds} seconds.':
    'Zu viele Änderungen der E-Mail-Adresse. Versuche es in {seconds} Sekunden noch einmal.',
  'Too many requests from this address. Try again in {seconds} seconds.':
    'Zu viele Anfragen von dieser Adresse. Versuche es in {seconds} Sekunden noch einmal.',
  'The database is unavailable or accepts no changes at the moment. Changes may not have been saved; try again.':
    'Die Datenbank ist nicht erreichbar oder nimmt gerade keine Änderungen an. Möglicherweise wurde nichts gespeichert; versuche es noch einmal.',
  'The server has too many requests of this kind at the moment. Nothing has changed; try again.':
    'Der Server hat gerade zu viele Anfragen dieser Art. Es wurde nichts geändert; versuche es noch einmal.',
  'An unexpected error occurred and was logged.':
    'Auf unserer Seite ist etwas schiefgegangen. Der Fehler wurde protokolliert.',
  'There is no such page.': 'Diese Seite gibt es nicht.',
  'There is no such token.': 'Dieses Token gibt es nicht.',
  'There is no such user.': 'Diesen Benutzer gibt es nicht.',
  'There is no such client.': 'Diese App gibt es nicht.',
  'There is no such key.': 'Diesen Schlüssel gibt es nicht.',
  'There is no such session.': 'Diese Sitzung gibt es nicht.',
  'There is no such trust.': 'Diese Regel gibt es nicht.',
  'There is no such authorization.': 'Diese Autorisierung gibt es nicht.',
  'There is no such {what}.': 'Das gibt es nicht.',
  'There is no account for you yet. Ask an administrator to create one.':
    'Für dich gibt es noch kein Konto. Bitte die Verwaltung, eines anzulegen.',
  'The user or the requesting token is no longer authorized to do this.': 'Dazu besteht keine Berechtigung mehr.',
  'Your account is disabled. Ask an administrator.': 'Dein Konto ist deaktiviert. Wende dich an die Verwaltung.',
  'The form does not say for how long the app may have access.':
    'Das Formular sagt nicht, wie lange die App Zugriff haben darf.',
  'The form contains fields that the page did not have.': 'Das Formular enthält Felder, die die Seite nicht hatte.',

  'You have {limit} apps, which is as many as one user may have. Revoke one that is no longer used, or ask an operator to raise CLIENTS_PER_USER.':
    'Du hast {limit} Apps; mehr sind nicht möglich. Widerrufe eine, die du nicht mehr brauchst, oder wende dich an die Verwaltung.',
  'You have {limit} live personal access tokens, which is as many as one user may have. {remedy}':
    'Du hast {limit} aktive persönliche Zugriffstokens; mehr sind nicht möglich. Widerrufe solche, die du nicht mehr brauchst, oder wende dich an die Verwaltung.',

  'You have {limit} {what}, which is as many as one user may have. {remedy}':
    'Du hast {limit} {what}; mehr sind nicht möglich. {remedy}',
  'Too many {what}. Try again in {seconds} seconds.':
    'Zu viele Anfragen. Versuche es in {seconds} Sekunden noch einmal.',

  'This passkey was not accepted. Try again, or use another sign-in method.':
    'Dieser Passkey wurde nicht angenommen. Versuche es noch einmal, oder melde dich anders an.',
  'The code is wrong, or has been used. Wait for the next one.':
    'Der Code ist falsch oder wurde schon verwendet. Warte auf den nächsten.',
  'Your account needs a second factor. Add another passkey or authenticator app first.':
    'Dein Konto braucht einen zweiten Faktor. Füge zuerst einen anderen Passkey oder eine Authenticator-App hinzu.',
  'You have {limit} passkeys, which is as many as one user may have.':
    'Du hast {limit} Passkeys; mehr sind nicht möglich.',
  'Setting up the app took too long. Scan the new code.':
    'Das Einrichten der App hat zu lange gedauert. Scanne den neuen Code.',
  'is required: you have a second factor': 'fehlt: Du hast einen zweiten Faktor',
  'took too long: try again': 'hat zu lange gedauert: Versuche es noch einmal',
  'was not accepted: try again': 'wurde nicht angenommen: Versuche es noch einmal',
  'was added already': 'wurde schon hinzugefügt',
  'is registered already': 'ist schon registriert',
  'must have at most {count} bytes': 'darf höchstens {count} Bytes lang sein',
  'is required': 'fehlt',
  'is wrong': 'ist falsch',
  'is taken': 'ist schon vergeben',
  'is not known': 'ist nicht bekannt',
  'has no account here': 'hat hier kein Konto',
  'must be an e-mail address': 'muss eine E-Mail-Adresse sein',
  'must not contain invisible characters': 'darf keine unsichtbaren Zeichen enthalten',
  'must not contain invisible characters: remove U+{code}':
    'darf keine unsichtbaren Zeichen enthalten: Entferne U+{code}',
  'must not mix letters of different scripts': 'darf keine Buchstaben verschiedener Schriften mischen',
  'must have 1 to {count} characters': 'muss 1 bis {count} Zeichen lang sein',
  'must have at least {count} characters': 'muss mindestens {count} Zeichen lang sein',
  'must have at most {count} characters': 'darf höchstens {count} Zeichen lang sein',
  'must contain a visible character': 'muss ein sichtbares Zeichen enthalten',
  'must contain visible characters': 'muss sichtbare Zeichen enthalten',
  'is a commonly used password': 'ist ein häufig verwendetes Passwort',
  'must not be the e-mail address or the name': 'darf nicht die E-Mail-Adresse oder der Name sein',
  'must equal the password': 'muss mit dem Passwort übereinstimmen',
  '{email} is disabled.': '{email} ist deaktiviert.',
  '{email} has chosen a password already.': '{email} hat schon ein Passwort gewählt.',
  '{email} is the last administrator. Make another user an administrator first.':
    '{email} ist das letzte Administratorkonto. Mache zuerst ein anderes Konto zum Administrator.',
  'The application manages the user {user}: name, e-mail address and password are set there.':
    'Die Anwendung verwaltet {user}: Name, E-Mail-Adresse und Passwort werden dort gesetzt.',
  'This id names an app or a user of this server already, so tokens cannot name a user of the application by it.':
    'Diese ID bezeichnet schon eine App oder einen Benutzer dieses Servers; Tokens können damit keinen Benutzer der Anwendung bezeichnen.',

  'must be an absolute URI without a fragment or wildcard': 'muss eine absolute URI ohne Fragment und Platzhalter sein',
  'must be an absolute URI without a fragment': 'muss eine absolute URI ohne Fragment sein',
  'must be an http or https URL': 'muss eine http- oder https-URL sein',
  'must not use {protocol}': 'darf nicht {protocol} verwenden',
  'must have a host after the two slashes, without user information or a backslash':
    'muss nach den beiden Schrägstrichen einen Host haben, ohne Benutzerangaben und Backslash',
  'must use https (except for localhost)': 'muss https verwenden (außer bei localhost)',
  'must use a private-use scheme that contains a dot, such as com.example.app':
    'muss ein eigenes Schema mit einem Punkt verwenden, zum Beispiel com.example.app',
  'must not have {name} in its query: it is a parameter of the authorization response':
    'darf {name} nicht in der Query haben: Das ist ein Parameter der Autorisierungsantwort',
  'must be a host name without a port, such as app.example.com':
    'muss ein Hostname ohne Port sein, zum Beispiel app.example.com',
  'is already registered for another client, as {audience}': 'ist schon die Audience einer anderen App, als {audience}',
  'is already registered for another client': 'ist schon die Audience einer anderen App',
  'The client has been revoked.': 'Die App wurde widerrufen.',
  'The client or its logo has changed since you looked at it. Look at it again.':
    'Die App oder ihr Logo hat sich geändert, seit du diese Seite geöffnet hast. So ist sie jetzt: Prüfe sie noch einmal, bevor du sie als überprüft kennzeichnest.',
  'The client does not authenticate with a secret.': 'Die App authentifiziert sich nicht mit einem Secret.',
  'must be 0 to {count} seconds': 'muss 0 bis {count} Sekunden sein',
  'must be in the future': 'muss in der Zukunft liegen',
  'is decided by the metadata document {url}': 'wird vom Metadaten-Dokument {url} bestimmt',
  'a public client cannot use client_credentials: it has no credentials':
    'Eine öffentliche App kann keine eigenen Tokens bekommen: Sie hat kein Secret.',
  'authorization_code needs at least one redirect URI':
    'Gib mindestens eine Redirect-URI an: Dorthin kehren die Leute zurück.',
  'refresh_token needs a grant that issues refresh tokens: authorization_code or device_code':
    'Für Refresh-Tokens muss man sich anmelden können: im Browser oder mit einem Gerätecode.',
  'private_key_jwt needs the public keys of the client':
    'Die App signiert mit einem privaten Schlüssel und braucht deshalb ihre öffentlichen Schlüssel.',
  'a public client cannot be a resource server, which must authenticate':
    'Eine öffentliche App kann kein Resource-Server sein, denn der braucht ein Secret.',
  'a public client cannot exchange tokens, since it does not authenticate':
    'Eine öffentliche App kann keine Tokens tauschen: Sie hat kein Secret.',
  'only operators can allow client_credentials': 'Nur Betreiber können einer App eigene Tokens erlauben.',
  'only operators can register a resource server': 'Nur Betreiber können einen Resource-Server registrieren.',
  'only operators can allow this': 'Nur Betreiber können das erlauben.',
  '{scopes}: only operators can allow this scope': 'Nur Betreiber können {scopes} erlauben.',
  'must have at most {count} entries': 'darf höchstens {count} Einträge haben',
  'must be one of {values}': 'Wähle eine der Möglichkeiten.',
  'must be a whole number of seconds from 1 to {count}': 'muss eine ganze Zahl von Sekunden von 1 bis {count} sein',

  '{scopes}: only administrators can have this scope': 'Nur Administratoren können {scopes} haben.',
  'must not be later than {time}': 'darf nicht nach {time} liegen',
  'must not be later than {time}, when the requesting token expires':
    'darf nicht nach {time} liegen, wenn das anfragende Token abläuft',
  'is not a scope: "{id}". There are {scopes}': 'Den Scope „{id}“ gibt es nicht.',
  'is not a registered API. Register it first: postern client create --name NAME --audience URI':
    'ist keine registrierte API. Bitte die Verwaltung, sie zu registrieren.',
  '{scopes}: belongs to another API; the token is only for {where}':
    'Das Token ist nur für {where}, aber {scopes} gehört zu einer anderen API.',
  'The token has been revoked.': 'Das Token wurde widerrufen.',
  'The token has expired.': 'Das Token ist abgelaufen.',
  'The token is suspended: resume it before rotating it.':
    'Das Token ist pausiert: Setze es fort, bevor du es neu erzeugst.',
  'The token cannot be rotated again: its family has expired. Issue a new token.':
    'Das Token kann nicht noch einmal neu erzeugt werden: Seine Höchstlebensdauer ist erreicht. Erstelle ein neues Token.',
  'The token has already been rotated, and its successor {id} has since been used, changed or revoked. Use or rotate the successor, or issue a new token.':
    'Das Token wurde schon neu erzeugt, und der Nachfolger {id} wurde seither verwendet, geändert oder widerrufen. Verwende den Nachfolger, oder erstelle ein neues Token.',
  'The token is suspended: resume it before handing it over.':
    'Das Token ist pausiert: Setze es fort, bevor du es übergibst.',
  'The token was handed over at the same time.': 'Das Token wurde gleichzeitig übergeben.',
  'The token was replaced by {id}: hand that one over, this one ends by itself.':
    'Das Token wurde durch {id} ersetzt: Übergib dieses; das alte endet von selbst.',
  'is not the id of a user or a service account': 'muss ein Benutzer oder ein Dienstkonto sein',
  'owns the token already': 'besitzt das Token schon',
  '{name} is disabled: enable this owner first, or choose another one.':
    '{name} ist deaktiviert: Aktiviere dieses Konto zuerst, oder wähle ein anderes.',
  '{scopes}: the owner of the token is not allowed this scope; an administrator decides that':
    'Dem Besitzer des Tokens ist {scopes} nicht erlaubt; darüber entscheidet die Verwaltung.',
  'The application that knows the users does not answer at the moment. Try again.':
    'Die Anwendung, die die Benutzer kennt, antwortet gerade nicht. Versuche es noch einmal.',
  'The user is disabled: enable it before issuing tokens for it.':
    'Der Benutzer ist deaktiviert: Aktiviere ihn, bevor du Tokens für ihn ausstellst.',
  'Specify at least one condition: without one, this would revoke every token.':
    'Gib mindestens eine Bedingung an: Ohne eine würden alle Tokens widerrufen.',

  'must be another issuer than this deployment': 'muss ein anderer Aussteller als dieser Server sein',
  'must be a URL without query and fragment': 'muss eine URL ohne Query und Fragment sein',
  'cannot be fetched: {why}': 'kann nicht abgerufen werden: {why}',
  'must have 1 to 255 ASCII characters without spaces': 'muss 1 bis 255 ASCII-Zeichen ohne Leerzeichen haben',
  'must have 1 to {count} claims': 'muss 1 bis {count} Claims haben',
  'must have names of claims, without spaces': 'muss Namen von Claims ohne Leerzeichen enthalten',
  'accepts every token of the issuer: give at least one claim a value':
    'akzeptiert jedes Token des Ausstellers: Gib mindestens einem Claim einen Wert',
  'must have at most {count} names of claims': 'darf höchstens {count} Namen von Claims haben',
  'must be {least} to {most} seconds': 'muss 1 bis 60 Minuten sein',
  'cannot be combined with user_id': 'Gib einen Benutzer oder eine App an, nicht beides.',
  'or client_id must name an active user or app': 'Gib einen aktiven Benutzer oder eine aktive App an.',
  'must name an active user': 'muss ein aktiver Benutzer sein',
  'must be an app that an operator registered': 'muss eine App sein, die ein Betreiber registriert hat',
  'must have at least one scope': 'Wähle mindestens einen Scope aus.',
  '{scope}: a trust cannot grant it': 'Eine Vertrauensregel kann {scope} nicht gewähren.',
  '{scope}: the app is not allowed this scope': 'Der App ist {scope} nicht erlaubt.',
  'has a line that is not claim=value: {line}': 'hat eine Zeile, die nicht Claim=Wert ist: {line}',
  '{scopes}: only for the role admin': 'Die Rolle erlaubt {scopes} nicht.',
  'is not the id of an enabled user': 'muss ein aktiver Benutzer sein',
  'must name at least one person': 'muss ein aktiver Benutzer sein',
  'must be at most {count} visible characters': 'darf höchstens {count} sichtbare Zeichen lang sein',
  'must be a PNG of at most {count} by {same} pixels': 'muss ein PNG von höchstens {count} mal {same} Pixeln sein',
  'There is no such verification.': 'Diese Überprüfung gibt es nicht.',
}
